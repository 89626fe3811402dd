"""Payment orders and their submission, withdrawals, what became of both, statement, config."""

import time
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chain.node import TOKEN_DECIMALS, normalise_hash
from common import order_numbers, public_ids
from common.configuration import live
from common.csv import stream
from common.http.envelope import answer, envelope
from common.http.fields import AmountField, WordField
from common.http.pagination import paginate
from common.http.permissions import Open
from common.http.views import ApiViewSet
from common.money import format_money
from common.times import format_time, unix
from ledger import queries as ledger
from ledger.models import Transfer
from operations.api import answer_once, client_id
from operations.idempotency import Answer
from payments import queries, services
from payments.channels import Progress, payment_row, withdrawal_row
from payments.models import PaymentOrder, Withdrawal


@extend_schema_field(OpenApiTypes.STR)
class TransactionField(WordField):
    """A transaction hash, 0x and 64 hex digits; comes out in lower case."""

    default_error_messages = {"hash": _("A transaction hash is required: 0x and 64 hex digits.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        try:
            return normalise_hash(super().to_internal_value(data))
        except ValueError:
            self.fail("hash")


class PaymentOrderRequest(serializers.Serializer[Any]):
    amount = AmountField()


class PaymentOrderAnswer(serializers.Serializer[Any]):
    no = serializers.CharField()
    amount = AmountField()
    address = serializers.SerializerMethodField(help_text="where to pay")
    token = serializers.SerializerMethodField(help_text="the token's contract")
    chain_id = serializers.SerializerMethodField()
    expired_at = serializers.SerializerMethodField(help_text="unix seconds")

    def get_address(self, order: PaymentOrder) -> str:
        return str(settings.CHAIN_RECEIVING_ADDRESS)

    def get_token(self, order: PaymentOrder) -> str:
        return str(settings.CHAIN_TOKEN_ADDRESS)

    def get_chain_id(self, order: PaymentOrder) -> int:
        return int(settings.CHAIN_ID)

    def get_expired_at(self, order: PaymentOrder) -> int:
        return unix(order.expires_at)


class PaymentClaimRequest(serializers.Serializer[Any]):
    no = serializers.CharField(max_length=24, help_text="the order's number, or its digits alone")
    id = TransactionField(help_text="the transaction's hash")


class WithdrawalAnswer(serializers.Serializer[Any]):
    no = serializers.CharField()
    amount = AmountField(help_text="what leaves the index account")
    fee = AmountField(help_text="the part of it that pays for the transaction")
    arrival = serializers.SerializerMethodField(help_text="what the client's own address receives")

    def get_arrival(self, withdrawal: Withdrawal) -> str:
        return format_money(withdrawal.amount - withdrawal.fee)


class PaymentRow(serializers.Serializer[Any]):
    """As pushed by the channel `payments`."""

    no = serializers.CharField()
    purpose = serializers.CharField()
    amount = serializers.CharField()
    status = serializers.IntegerField()
    reason = serializers.CharField(allow_null=True)
    tx_hash = serializers.CharField(allow_null=True)
    confirmations = serializers.IntegerField()
    confirmations_needed = serializers.IntegerField()
    created_at = serializers.CharField()
    expired_at = serializers.IntegerField()


class WithdrawalRow(serializers.Serializer[Any]):
    """As pushed by the channel `payments`."""

    no = serializers.CharField()
    purpose = serializers.CharField()
    amount = serializers.CharField()
    fee = serializers.CharField()
    arrival = serializers.CharField()
    address = serializers.CharField()
    status = serializers.CharField(help_text="review, approved, sent, confirmed, rejected or failed")
    reason = serializers.CharField(allow_null=True)
    tx_hash = serializers.CharField(allow_null=True)
    created_at = serializers.CharField()


class MovementRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    amount = serializers.CharField()
    debit = serializers.CharField(allow_null=True, help_text="the client's account it left, null for the platform's")
    credit = serializers.CharField(allow_null=True, help_text="the client's account it reached")
    reference = serializers.CharField()
    created_at = serializers.CharField()


class StatementAnswer(serializers.Serializer[Any]):
    balances = serializers.DictField(child=serializers.CharField(), help_text="USDT by account")
    movements = MovementRow(many=True)


class ConfigAnswer(serializers.Serializer[Any]):
    time = serializers.IntegerField(help_text="the server's clock, unix milliseconds")
    chain_id = serializers.IntegerField()
    token = serializers.CharField()
    token_decimals = serializers.IntegerField()
    address = serializers.CharField(help_text="where to pay")
    confirmations = serializers.IntegerField(help_text="how deep a payment must be")
    minimum_deposit = serializers.CharField()
    minimum_pledge = serializers.CharField()
    minimum_withdrawal = serializers.CharField()
    withdrawal_fee = serializers.CharField()
    withdrawals_a_day = serializers.IntegerField()


NUMBER = OpenApiParameter("no", str, description="only this number")
CSV = OpenApiParameter("format", str, enum=["csv"], description="all movements as a CSV download")


class WithdrawalCalls(ApiViewSet):
    """Money back to the client's own address."""

    throttle_scope = "order"
    keeps_answers = True

    @extend_schema(request=PaymentOrderRequest, responses=WithdrawalAnswer)
    def create(self, request: Request) -> Response:
        """Asks for a payout to the client's own address. The amount is held; the fee is part of it."""
        form = self.parse(PaymentOrderRequest, request.data)

        def run() -> Answer:
            withdrawal = services.request_withdrawal(client_id=client_id(request), amount=form["amount"])
            return envelope(_("Submitted"), WithdrawalAnswer(withdrawal).data)

        return answer_once(request, run)


class PaymentLists(ApiViewSet):
    """What became of payments and withdrawals."""

    paged_actions = ("payments", "withdrawals", "statement")

    @extend_schema(responses=PaymentRow(many=True), parameters=[NUMBER])
    def payments(self, request: Request) -> Response:
        """Payment orders of every purpose, newest first."""
        own = client_id(request)
        found, page = paginate(request, queries.payments_of(own, _number(request)), self.per_page)
        depths = queries.confirmations(own, found)
        return answer("", [payment_row(Progress(order, depths.get(order.id, 0))) for order in found], page)

    @extend_schema(responses=WithdrawalRow(many=True), parameters=[NUMBER])
    def withdrawals(self, request: Request) -> Response:
        """Withdrawals, newest first."""
        found, page = paginate(request, queries.withdrawals_of(client_id(request), _number(request)), self.per_page)
        return answer("", [withdrawal_row(row) for row in found], page)

    @extend_schema(responses=StatementAnswer, parameters=[CSV])
    def statement(self, request: Request) -> Any:
        """Balances by account and all movements, newest first; as CSV whole."""
        own = client_id(request)
        movements = ledger.movements(own)
        if request.query_params.get("format") == "csv":
            rows = (_movement(own, row).values() for row in movements.iterator(chunk_size=2000))
            return stream("statement", list(MovementRow().fields), (list(row) for row in rows))
        found, page = paginate(request, movements, self.per_page)
        balances = {kind.name.lower(): format_money(value) for kind, value in ledger.client_balances(own).items()}
        return answer("", {"balances": balances, "movements": [_movement(own, row) for row in found]}, page)


class ConfigCalls(ApiViewSet):
    """What a client needs to know before it pays."""

    permission_classes = [Open]

    @extend_schema(responses=ConfigAnswer)
    def config(self, request: Request) -> Response:
        """Server time, chain, token, receiving address, minimums, depth."""
        return answer(
            "",
            {
                "time": int(time.time() * 1000),
                "chain_id": settings.CHAIN_ID,
                "token": settings.CHAIN_TOKEN_ADDRESS,
                "token_decimals": TOKEN_DECIMALS,
                "address": settings.CHAIN_RECEIVING_ADDRESS,
                "confirmations": settings.CHAIN_CONFIRMATIONS,
                "minimum_deposit": format_money(Decimal(live.MINIMUM_PAYMENT)),
                "minimum_pledge": format_money(services.SMALLEST_PLEDGE),
                "minimum_withdrawal": format_money(settings.WITHDRAWAL_MINIMUM),
                "withdrawal_fee": format_money(settings.WITHDRAWAL_FEE),
                "withdrawals_a_day": settings.WITHDRAWALS_A_DAY,
            },
        )


def _number(request: Request) -> str | None:
    """The number asked for, at most as long as one is; anything that is none finds nothing."""
    value = request.query_params.get("no")
    return None if value is None else value[:24].replace("\x00", "")


def _movement(own: int, row: Transfer) -> dict[str, Any]:
    return {
        "id": public_ids.encode(row.pk),
        "kind": row.kind,
        "amount": format_money(row.amount),
        "debit": ledger.own_account(own, row.debit_id),
        "credit": ledger.own_account(own, row.credit_id),
        "reference": row.reference,
        "created_at": format_time(row.created_at),
    }


class PaymentCalls(ApiViewSet):
    """Orders to be paid on chain; `purpose` is the prefix of their numbers."""

    throttle_scope = "order"
    keeps_answers = True
    purpose = order_numbers.DEPOSIT

    @extend_schema(request=PaymentOrderRequest, responses=PaymentOrderAnswer)
    def order(self, request: Request) -> Response:
        """Prepares an order. It says where to pay, and until when."""
        form = self.parse(PaymentOrderRequest, request.data)

        def run() -> Answer:
            order = services.create_order(client_id=client_id(request), purpose=self.purpose, amount=form["amount"])
            return envelope(_("Order prepared"), PaymentOrderAnswer(order).data)

        return answer_once(request, run)

    @extend_schema(request=PaymentClaimRequest, responses={200: None})
    def submit(self, request: Request) -> Response:
        """Submits the transaction that pays an order."""
        form = self.parse(PaymentClaimRequest, request.data)

        def run() -> Answer:
            services.claim(client_id=client_id(request), purpose=self.purpose, no=form["no"], tx_hash=form["id"])
            return envelope(_("Submitted"))

        return answer_once(request, run)
