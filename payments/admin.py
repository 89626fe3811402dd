"""Payments and withdrawals for the operator: queues, decisions with a reason. Every button is a service's."""

from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.queries import client_by_address
from common.admin import ReadOnlyAdmin, ReasonForm, carry_out, reason_of
from common.errors import Invalid, Problem
from ledger.accounts import available
from ledger.models import Account
from operations import approvals
from operations.models import Approval
from payments.models import (
    ChainTransfer,
    Correction,
    PaymentOrder,
    Payout,
    PayoutWallet,
    ScanCursor,
    Withdrawal,
)
from payments.services import resolving, withdrawals
from payments.services.withdrawals.approval import KIND as WITHDRAWAL


def _operator(request: HttpRequest) -> User:
    return cast(User, request.user)


@admin.register(PaymentOrder)
class PaymentOrderAdmin(ReadOnlyAdmin):
    list_display = ("no", "created_at", "client", "purpose", "amount", "status", "reason")
    list_filter = ("status", "purpose")
    search_fields = ("no__exact", "client__address", "tx_hash__exact")
    list_select_related = ("client",)
    date_hierarchy = "created_at"
    ordering = ("-id",)


class AssignForm(ReasonForm):
    """A reason, and to whom an unmatched payment belongs."""

    address = forms.CharField(
        label="",
        required=False,
        max_length=42,
        widget=UnfoldAdminTextInputWidget({"placeholder": _("Client's address"), "x-show": "action"}),
    )


@admin.register(ChainTransfer)
class ChainTransferAdmin(ReadOnlyAdmin):
    """What came in. Unmatched payments, and bookings that are gone from the chain, wait for two operators."""

    list_display = (
        *("tx_hash", "log_index", "block_time", "sender", "amount", "status"),
        *("booked_as", "resolution", "client", "order"),
    )
    list_filter = ("status", "booked_as", "resolution")
    search_fields = ("tx_hash__exact", "sender", "order__no__exact")
    list_select_related = ("client", "order")
    date_hierarchy = "block_time"
    ordering = ("-id",)
    actions = ("assign", "refund", "reverse")
    action_form = AssignForm

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("payments.resolve_chaintransfer"))

    @admin.action(description=_("Propose to assign to a client"), permissions=["resolve"])
    def assign(self, request: HttpRequest, queryset: QuerySet[ChainTransfer]) -> None:
        operator, reason, address = _operator(request), reason_of(request), str(request.POST.get("address", "")).strip()
        carry_out(
            request,
            queryset.order_by("id"),
            lambda row: resolving.propose_assignment(
                transfer_id=row.pk, address=address, operator=operator, reason=reason
            ),
        )

    @admin.action(description=_("Propose to refund the sender"), permissions=["resolve"])
    def refund(self, request: HttpRequest, queryset: QuerySet[ChainTransfer]) -> None:
        operator, reason = _operator(request), reason_of(request)
        carry_out(
            request,
            queryset.order_by("id"),
            lambda row: resolving.propose_refund(transfer_id=row.pk, operator=operator, reason=reason),
        )

    @admin.action(description=_("Propose to reverse the booking"), permissions=["resolve"])
    def reverse(self, request: HttpRequest, queryset: QuerySet[ChainTransfer]) -> None:
        operator, reason = _operator(request), reason_of(request)
        carry_out(
            request,
            queryset.order_by("id"),
            lambda row: resolving.propose_reversal(transfer_id=row.pk, operator=operator, reason=reason),
        )


@admin.register(Withdrawal)
class WithdrawalAdmin(ReadOnlyAdmin):
    """The queue: what is in review waits for a decision; above the threshold an approval is a proposal."""

    list_display = (
        *("no", "created_at", "client", "amount", "fee", "status"),
        *("two", "first_approval", "second_approved_by", "reason"),
    )
    list_filter = ("status", "needs_two", "automatic")
    search_fields = ("no__exact", "address", "tx_hash__exact", "payouts__tx_hash__exact")
    list_select_related = ("client", "approved_by", "second_approved_by")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    actions = ("approve", "reject")
    action_form = ReasonForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Withdrawal]:
        waiting = Approval.objects.filter(kind=WITHDRAWAL, object_id=OuterRef("no"), status=Approval.Status.PENDING)
        rows: QuerySet[Withdrawal] = super().get_queryset(request)
        return rows.annotate(proposer=Subquery(waiting.values("proposed_by__username")[:1]))

    @admin.display(description=_("two operators must approve"), ordering="needs_two", empty_value="-")
    def two(self, row: Withdrawal) -> str | None:
        # A tick and a cross would say good and bad.
        return str(_("yes")) if row.needs_two else None

    @admin.display(description=_("approved by"), empty_value="-")
    def first_approval(self, row: Withdrawal) -> str | None:
        """Who approved it, and before that, who has proposed to."""
        return row.approved_by.get_username() if row.approved_by else getattr(row, "proposer", None)

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("payments.approve_withdrawal"))

    @admin.action(description=_("Approve; a large one is proposed to a second operator"), permissions=["approve"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Withdrawal]) -> None:
        operator, reason = _operator(request), reason_of(request)
        carry_out(
            request,
            queryset.order_by("id"),
            lambda row: withdrawals.approve(withdrawal_id=row.pk, operator=operator, reason=reason),
        )

    @admin.action(description=_("Reject, with a reason"), permissions=["approve"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Withdrawal]) -> None:
        operator, reason = _operator(request), reason_of(request)
        carry_out(
            request,
            queryset.order_by("id"),
            lambda row: withdrawals.reject(withdrawal_id=row.pk, operator=operator, reason=reason),
        )


@admin.register(Payout)
class PayoutAdmin(ReadOnlyAdmin):
    list_display = ("tx_hash", "withdrawal", "nonce", "attempt", "max_fee", "created_at", "broadcast_at", "error")
    search_fields = ("tx_hash__exact", "withdrawal__no__exact", "withdrawal__address")
    list_select_related = ("withdrawal",)
    ordering = ("-id",)


@admin.register(PayoutWallet)
class PayoutWalletAdmin(ReadOnlyAdmin):
    list_display = ("address", "chain_id", "next_nonce", "tokens", "coins", "held_up", "checked_at")


def _account_fields(label: Any) -> tuple[forms.ChoiceField, forms.CharField]:
    """Which account of the platform, or whose index account."""
    account = forms.TypedChoiceField(
        label=label,
        choices=lambda: [
            (0, _("a client's index account")),
            *((int(kind), Account.Kind[kind.name].label) for kind in sorted(resolving.CORRECTABLE)),
        ],
        coerce=int,
        widget=UnfoldAdminSelectWidget,
    )
    client = forms.CharField(
        label=_("Client's address"),
        required=False,
        max_length=42,
        widget=UnfoldAdminTextInputWidget({"placeholder": "0x…"}),
    )
    return account, client


class CorrectionForm(forms.ModelForm):
    """An amount between two accounts, each the platform's or a client's."""

    debit, debit_client = _account_fields(_("from"))
    credit, credit_client = _account_fields(_("to"))
    amount = forms.DecimalField(
        label=_("amount"),
        max_digits=18,
        decimal_places=6,
        min_value=Decimal("0.000001"),
        widget=UnfoldAdminDecimalFieldWidget(),
    )

    class Meta:
        model = Correction
        fields = ("reason",)
        widgets = {"reason": UnfoldAdminTextInputWidget()}

    operator: User

    def clean(self) -> dict[str, Any] | None:
        """Proposes it: what the service refuses is the form's error."""
        cleaned = super().clean() or {}
        sides = {side: self._account(cleaned, side) for side in ("debit", "credit")}
        if self.errors:
            return cleaned
        try:
            approval = resolving.propose_correction(
                **sides,
                amount=cleaned["amount"],
                operator=self.operator,
                reason=cleaned["reason"],
            )
        except Invalid as problem:
            raise forms.ValidationError(
                {field: [str(sentence) for sentence in found] for field, found in problem.errors.items()}
            ) from problem
        except Problem as problem:
            raise forms.ValidationError(str(problem.message)) from problem
        self.instance = Correction.objects.get(pk=approval.pk)
        return cleaned

    def _account(self, cleaned: dict[str, Any], side: str) -> int:
        """The account's id; 0 with an error of the form where there is none."""
        address = cleaned.get(f"{side}_client", "")
        if (chosen := cleaned.get(side, 0)) or side not in cleaned:
            if address:
                self.add_error(f"{side}_client", _("The account above is the platform's."))
            return int(chosen)
        client = client_by_address(address.strip())
        if client is None:
            self.add_error(f"{side}_client", _("No client has this address."))
            return 0
        return available(client.pk)

    def _post_clean(self) -> None:
        """The proposal is written already, and is never edited."""


@admin.register(Correction)
class CorrectionAdmin(ModelAdmin):
    """Proposed here, approved by a second operator among the approvals."""

    form = CorrectionForm
    list_display = ("id", "what", "reason", "status", "proposed_by", "proposed_at", "decided_by")
    list_filter = ("status",)
    search_fields = ("object_id", "reason")
    list_select_related = ("proposed_by", "decided_by")
    ordering = ("-id",)

    @admin.display(description=_("proposal"))
    def what(self, row: Approval) -> str:
        return approvals.in_words(row.kind, row.proposal)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("payments.correct"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type("BoundCorrectionForm", (form,), {"operator": request.user})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form has proposed it."""
        obj.pk = form.instance.pk

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return (("debit", "debit_client"), ("credit", "credit_client"), "amount", "reason")
        return ("what", "reason", "status", "proposed_by", "decided_by")


@admin.register(ScanCursor)
class ScanCursorAdmin(ReadOnlyAdmin):
    list_display = ("chain_id", "block_number", "block_time", "updated_at")
    exclude = ("trail",)
