"""Funds and the reserve for the operator; orders and rewards are only read."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from common.admin import ReadOnlyAdmin
from common.errors import Refused
from funds import queries, rules, services
from funds.models import FundOrder, FundReward, Period, Product, ReserveTopUp
from operations.audited import AuditedAdmin, plain


class PeriodFormSet(forms.BaseInlineFormSet):
    """A fund has a period, and no period loses more than the fund's early redemption fee."""

    def clean(self) -> None:
        super().clean()
        profits = [
            form.cleaned_data["profit"]
            for form in self.forms
            if form.cleaned_data.get("profit") is not None and not form.cleaned_data.get("DELETE")
        ]
        if not any(self.errors) and not profits:
            raise forms.ValidationError(_("A fund needs a period."))
        rate, least = self.instance.early_fee_rate, rules.least_early_fee(profits)
        if rate is not None and rate < least:
            raise forms.ValidationError(
                _("The early redemption fee rate must be at least %(least)s, what a period may lose.")
                % {"least": least}
            )


class PeriodInline(TabularInline):
    model = Period
    formset = PeriodFormSet
    extra = 0
    min_num = 1


class ProductForm(forms.ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None and "on_sale_from" in self.fields:
            self.fields["on_sale_from"].initial = timezone.now

    def clean_total_volume(self) -> int:
        volume: int = self.cleaned_data["total_volume"]
        # The model's constraint says the same, but is only looked at where the form has both fields. The view's
        # transaction keeps the row, so that no unit is sold between this look and the write.
        row = Product.objects.filter(pk=self.instance.pk).select_for_update()
        taken = row.values_list("taken_volume", flat=True).first()
        if volume < max(1, taken or 0):
            raise forms.ValidationError(_("The total volume is above 0 and not below what is taken."))
        return volume


@admin.register(Product)
class ProductAdmin(AuditedAdmin):
    """What was bought or prepared keeps its terms; a fund that should not be sold any more gets an end of its sale."""

    form = ProductForm
    list_display = (
        "title",
        "terms",
        "unit_price",
        "total_volume",
        "remain",
        "on_sale_from",
        "on_sale_to",
        "early_fee_rate",
    )
    search_fields = ("title",)
    ordering = ("-id",)
    fields = ("title", "unit_price", "total_volume", "on_sale_from", "on_sale_to", "early_fee_rate")
    inlines = (PeriodInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        found: QuerySet[Product] = super().get_queryset(request)
        return found.prefetch_related("periods")

    @admin.display(description=_("periods"))
    def terms(self, product: Product) -> str:
        """As clients read them, in percent: a rate that was meant otherwise shows."""
        return ", ".join(f"{period} {period.profit:.2%}" for period in product.periods.all())

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields if obj is None else (*self.fields, "remain")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("remain",)

    def audited(self, row: Product) -> dict[str, Any]:
        periods = [f"{period.months}: {period.profit}" for period in row.periods.order_by("months")]
        return {**plain(row), "periods": periods}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Product, form: forms.ModelForm, change: bool) -> None:
        # Volume is taken while the operator looks at the form: only what was changed is written.
        obj.save(update_fields=form.changed_data if change else None)

    @admin.display(description=_("remaining volume"))
    def remain(self, product: Product) -> int:
        return product.remain_volume


@admin.register(Period)
class PeriodAdmin(ReadOnlyAdmin):
    """Written with their fund."""

    list_display = ("product", "months", "profit")
    search_fields = ("product__title",)
    list_select_related = ("product",)


class StateFilter(admin.SimpleListFilter):
    """Where an order stands."""

    title = _("state")
    parameter_name = "state"
    STATES: dict[str, tuple[Any, dict[str, Any]]] = {
        "waiting": (_("waits for the reserve"), {"waiting_since__isnull": False}),
        "asked": (_("redemption asked for"), {"redemption_asked_at__isnull": False, "redeemed_at": None}),
        "running": (_("running"), {"started_at__isnull": False, "rewarded_at": None, "redeemed_at": None}),
        "rewarded": (_("rewarded, not redeemed"), {"rewarded_at__isnull": False, "redeemed_at": None}),
        "redeemed": (_("redeemed"), {"redeemed_at__isnull": False}),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, label) for name, (label, _condition) in self.STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[FundOrder]) -> QuerySet[FundOrder]:
        if self.value() not in self.STATES:
            return queryset
        return queryset.filter(**self.STATES[str(self.value())][1])


@admin.register(FundOrder)
class FundOrderAdmin(ReadOnlyAdmin):
    list_display = (
        "payment",
        "client",
        "product",
        "months",
        "profit",
        "amount",
        "started_at",
        "matures_at",
        "rewarded_at",
        "waiting_since",
        "redeemed_at",
        "redeemed_amount",
    )
    list_filter = (StateFilter, "product")
    search_fields = ("payment__no__exact", "client__address__iexact")
    list_select_related = ("client", "product", "payment")
    ordering = ("-id",)
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        waiting = FundOrder.objects.filter(waiting_since__isnull=False)
        if number := waiting.count():
            owed = sum(rules.reward(order.amount, order.profit) for order in waiting)
            sentence = _("%(number)s orders wait for the fund reserve: it holds %(held)s, they are owed %(owed)s.")
            figures = {"number": number, "held": queries.reserve(), "owed": owed}
            messages.warning(request, sentence % figures)
        return super().changelist_view(request, extra_context)


@admin.register(FundReward)
class FundRewardAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at", "client", "product", "order", "amount")
    list_filter = ("product",)
    search_fields = ("order__payment__no__exact", "client__address__iexact")
    list_select_related = ("client", "product", "order__payment")
    ordering = ("-id",)
    show_full_result_count = False


class ReserveTopUpForm(forms.ModelForm):
    """Revenue to the reserve, if there is so much; looked at again when it is booked."""

    class Meta:
        model = ReserveTopUp
        fields = ("amount", "reason")

    def clean_amount(self) -> Any:
        amount = self.cleaned_data["amount"]
        if amount > queries.revenue():
            raise forms.ValidationError(_("The revenue is not sufficient."))
        return amount


@admin.register(ReserveTopUp)
class ReserveTopUpAdmin(AuditedAdmin):
    """A top-up is added, never edited or deleted."""

    form = ReserveTopUpForm
    list_display = ("id", "created_at", "amount", "operator", "reason")
    search_fields = ("operator", "reason")
    ordering = ("-id",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        try:
            found: HttpResponse = super().add_view(request, form_url, extra_context)
        except Refused as refusal:
            # The revenue went elsewhere since the form was checked.
            messages.error(request, str(refusal.message))
            return HttpResponseRedirect(request.path)
        return found

    def save_model(self, request: HttpRequest, obj: ReserveTopUp, form: forms.ModelForm, change: bool) -> None:
        operator = request.user.get_username()
        made = services.top_up_reserve(amount=obj.amount, operator=operator, reason=obj.reason)
        obj.pk = made.pk
