"""POST index/recharge/order, index/recharge, market/pledge/order, market/pledge."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chain.node import normalise_hash
from common import order_numbers
from common.http.envelope import envelope
from common.http.fields import AmountField, WordField
from common.http.views import ApiViewSet
from common.times import unix
from operations.api import answer_once, client_id
from operations.idempotency import Answer
from payments import services
from payments.models import PaymentOrder


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
