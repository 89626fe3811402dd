"""The calls under /fund/. Paying an order works as for deposits (`payments.api`)."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from common import order_numbers, public_ids
from common.http.envelope import answer, envelope
from common.http.fields import PublicIdField, VolumeField
from common.http.pagination import paginate
from common.http.views import ApiViewSet
from common.money import format_money, format_ratio
from common.times import format_time
from funds import queries, services
from funds.models import FundOrder, FundReward, Product
from funds.schema import FundOrderSchema, FundRewardSchema, ProductSchema, RedeemedOrderSchema
from operations.api import answer_once, client_id
from operations.idempotency import Answer
from payments.api import PaymentCalls, PaymentOrderAnswer


class PurchaseForm(serializers.Serializer):
    id = PublicIdField()
    period = VolumeField(required=False)
    volume = VolumeField(required=False)


class RedeemForm(serializers.Serializer):
    id = PublicIdField()


def _product(row: Product) -> dict[str, Any]:
    return {
        "id": public_ids.encode(row.id),
        "title": row.title,
        "total_volume": row.total_volume,
        "remain_volume": row.remain_volume,
        "periods": [
            {"period": str(period.months), "profit": format_ratio(period.profit)} for period in row.periods.all()
        ],
        "unit_price": format_money(row.unit_price),
        "early_fee": None if row.early_fee_rate is None else format_ratio(row.early_fee_rate),
        "created_at": format_time(row.created_at),
    }


def _brief(row: Product) -> dict[str, Any]:
    return {"id": public_ids.encode(row.id), "title": row.title}


def _order(row: FundOrder) -> dict[str, Any]:
    return {
        "id": public_ids.encode(row.id),
        "unit_price": format_money(row.unit_price),
        "amount": format_money(row.amount),
        "period": row.months,
        "volume": row.volume,
        "status": row.payment.status,
        "no": row.payment.no,
        "created_at": format_time(row.payment.created_at),
        "product": _brief(row.product),
        "reason": row.payment.reason or None,
        "matures_at": None if row.matures_at is None else format_time(row.matures_at),
        "early_fee": None if row.early_fee_rate is None else format_ratio(row.early_fee_rate),
    }


def _redeemed(row: FundOrder) -> dict[str, Any]:
    assert row.redeemed_at is not None
    assert row.redeemed_amount is not None
    return {
        **_order(row),
        "created_at": format_time(row.redeemed_at),
        "redeemed_amount": format_money(row.redeemed_amount),
        "fee": format_money(row.fee),
        "bought_at": format_time(row.payment.created_at),
    }


def _reward(row: FundReward) -> dict[str, Any]:
    return {
        "id": public_ids.encode(row.id),
        "reward": format_money(row.amount),
        "created_at": format_time(row.created_at),
        "product": _brief(row.product),
        "order_id": public_ids.encode(row.order_id),
    }


class FundPaymentCalls(PaymentCalls):
    """Buying: an order, and the transaction that pays it."""

    purpose = order_numbers.FUND

    @extend_schema(request=PurchaseForm, responses=PaymentOrderAnswer)
    def order(self, request: Request) -> Response:
        """Prepares the purchase of a fund for one of its periods, by default the shortest. Nothing is reserved."""
        form = self.parse(PurchaseForm, request.data)

        def run() -> Answer:
            order = services.place_purchase(
                client_id=client_id(request),
                product_id=form["id"],
                months=form.get("period"),
                volume=form.get("volume", 1),
            )
            return envelope(_("Order prepared"), PaymentOrderAnswer(order.payment).data)

        return answer_once(request, run)


class FundViewSet(ApiViewSet):
    """Funds on sale, and a client's own orders."""

    paged_actions = ("bought", "redeemed", "rewards")
    keeps_answers = True

    def get_throttles(self) -> list[Any]:
        self.throttle_scope = "read" if self.request.method == "GET" else "order"
        return super().get_throttles()

    @extend_schema(responses=ProductSchema(many=True))
    @action(detail=False)
    def products(self, request: Request) -> Response:
        """The funds on sale, sold out ones with a volume of 0."""
        return answer("", [_product(row) for row in queries.on_sale()])

    @extend_schema(request=RedeemForm, responses={200: None})
    @action(detail=False, methods=["post"])
    def redeem(self, request: Request) -> Response:
        """Asks for an order's principal; it is on the index account at once or within seconds."""
        order_id = self.parse(RedeemForm, request.data)["id"]

        def run() -> Answer:
            services.request_redemption(client_id=client_id(request), order_id=order_id)
            return envelope(_("Submitted"))

        return answer_once(request, run)

    @extend_schema(responses=FundOrderSchema(many=True))
    @action(detail=False)
    def bought(self, request: Request) -> Response:
        """All fund orders; a redeemed one keeps its status."""
        rows, page = paginate(request, queries.purchases(client_id(request)), self.per_page)
        return answer("", [_order(row) for row in rows], page)

    @extend_schema(responses=RedeemedOrderSchema(many=True))
    @action(detail=False)
    def redeemed(self, request: Request) -> Response:
        """Redeemed orders, at the time of their redemption."""
        rows, page = paginate(request, queries.redemptions(client_id(request)), self.per_page)
        return answer("", [_redeemed(row) for row in rows], page)

    @extend_schema(responses=FundRewardSchema(many=True))
    @action(detail=False)
    def rewards(self, request: Request) -> Response:
        """What the ends of periods paid; a loss is negative."""
        rows, page = paginate(request, queries.rewards(client_id(request)), self.per_page)
        return answer("", [_reward(row) for row in rows], page)
