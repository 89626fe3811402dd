"""The calls under /contract/."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from common import public_ids
from common.briefly import briefly
from common.errors import Invalid, not_found
from common.http.envelope import answer, envelope
from common.http.fields import OneOfField, PriceField, PublicIdField, UnreadField, VolumeField, WordField
from common.http.pagination import paginate
from common.http.permissions import Open
from common.http.views import ApiViewSet
from common.money import format_money, format_price
from common.sockets import publish
from contracts import present, queries, services
from contracts.models import Order
from contracts.rules import BUY, SELL
from contracts.schema import (
    CandleSchema,
    FillSchema,
    IndexSchema,
    MarketSchema,
    OrderSchema,
    PlacedCloseSchema,
    PlacedOrderSchema,
    PositionLogSchema,
    PositionSchema,
    QuoteSchema,
)
from indexes import queries as index_queries
from indexes.queries import DEFAULT_CANDLES, MOST_CANDLES
from indexes.rules import INTERVALS
from operations import halts
from operations.api import answer_once, client_id

DIRECTIONS = {"buy": BUY, "sell": SELL}
ORDER_STATUSES = [*Order.Status.values, "all"]


class IdForm(serializers.Serializer):
    id = PublicIdField()


class OrderForm(serializers.Serializer):
    id = PublicIdField()
    direction = OneOfField(choices=list(DIRECTIONS))
    price_type = OneOfField(choices=Order.PriceType.values)
    volume = VolumeField()
    price = UnreadField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # A market order's price is ignored, whatever it is.
        price = attrs.pop("price", None)
        attrs["limit"] = None
        if attrs["price_type"] == Order.PriceType.LIMIT:
            if price is None:
                raise serializers.ValidationError({"price": [gettext_lazy("A limit order needs a price.")]})
            try:
                attrs["limit"] = PriceField().to_internal_value(price)
            except serializers.ValidationError as error:
                raise serializers.ValidationError({"price": error.detail}) from error
        return attrs


class CloseForm(serializers.Serializer):
    id = PublicIdField()
    volume = VolumeField(required=False)


class ProtectForm(serializers.Serializer):
    id = PublicIdField()
    take_profit = PriceField(required=False, allow_null=True)
    stop_loss = PriceField(required=False, allow_null=True)


class FillsForm(serializers.Serializer):
    position = PublicIdField(required=False)


class CandlesForm(serializers.Serializer):
    id = PublicIdField()
    interval = WordField(max_length=8)
    limit = VolumeField(required=False)

    def validate_interval(self, value: str) -> str:
        if value not in INTERVALS:
            raise serializers.ValidationError(_("One of: %(choices)s.") % {"choices": ", ".join(INTERVALS)})
        return value

    def validate_limit(self, value: int) -> int:
        if value > MOST_CANDLES:
            raise serializers.ValidationError(_("At most %(most)s.") % {"most": MOST_CANDLES})
        return value


def _unix(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 11):
        raise Invalid({name: [_("Unix seconds are required.")]})
    return int(text)


@briefly
def _market_answer(index_id: int) -> bytes | None:
    """As the engine encoded it with its last tick; from the database where no engine ticks the index."""
    return publish.answer(present.market_name(index_id)) or _database_answers().get(index_id)


@briefly
def _database_answers() -> dict[int, bytes]:
    return {index_id: present.market_answer(market) for index_id, market in queries.markets().items()}


def _json(body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type="application/json")


class MarketViewSet(ApiViewSet):
    """What anybody may see of the indexes."""

    permission_classes = [Open]
    believes_tokens_briefly = True

    @extend_schema(responses=IndexSchema(many=True))
    @action(detail=False)
    def indexes(self, request: Request) -> Response:
        """All indexes, in the operators' order."""
        found = queries.markets()
        listed = queries.listed_indexes()
        halted = halts.of_indexes(row.id for row in listed)
        return answer("", [present.listed_index(row, found.get(row.id), halted[row.id]) for row in listed])

    @extend_schema(parameters=[OpenApiParameter("id", int, required=True)], responses=MarketSchema)
    @action(detail=False)
    def market(self, request: Request) -> HttpResponse:
        """Last price and figures of the day of one index."""
        index_id = self.parse(IdForm, request.query_params)["id"]
        found = _market_answer(index_id)
        if found is None:
            raise not_found()
        return _json(found)

    @extend_schema(
        parameters=[
            OpenApiParameter("id", int, required=True),
            OpenApiParameter("interval", str, required=True, enum=list(INTERVALS)),
            OpenApiParameter("limit", int, description="at most 1500, by default 300"),
            OpenApiParameter("from", int, description="unix seconds, included"),
            OpenApiParameter("to", int, description="unix seconds, included"),
        ],
        responses=CandleSchema(many=True),
    )
    @action(detail=False)
    def kline(self, request: Request) -> HttpResponse:
        """Candles of one index, oldest first, without gaps."""
        form = self.parse(CandlesForm, request.query_params)
        if all(row.id != form["id"] for row in queries.listed_indexes()):
            raise not_found()
        candles = index_queries.candles(
            form["id"],
            form["interval"],
            form.get("limit", DEFAULT_CANDLES),
            _unix(request, "from"),
            _unix(request, "to"),
        )
        return _json(b'{"code":200,"message":"","data":' + candles + b"}")


class ContractViewSet(ApiViewSet):
    """A client's orders and positions."""

    per_page = 10
    paged_actions = ("positions", "orders", "position_logs", "fill_logs")
    keeps_answers = True

    def get_throttles(self) -> list[Any]:
        self.throttle_scope = "read" if self.request.method == "GET" else "order"
        return super().get_throttles()

    @extend_schema(request=OrderForm, responses=PlacedOrderSchema)
    @action(detail=False, methods=["post"])
    def create_order(self, request: Request) -> Response:
        """Places an order; the engine fills it at the first tick that is later than it."""
        form = self.parse(OrderForm, request.data)

        def run() -> dict[str, Any]:
            placed = services.place_order(
                client_id=client_id(request),
                index_id=form["id"],
                direction=DIRECTIONS[form["direction"]],
                volume=form["volume"],
                limit=form["limit"],
            )
            data = {
                "id": public_ids.encode(placed.id),
                "status": Order.Status.PENDING,
                "price": format_price(placed.price),
                "fee": format_money(placed.fee),
            }
            return envelope(_("Order placed"), data)

        return answer_once(request, run)

    @extend_schema(request=OrderForm, responses=QuoteSchema)
    @action(detail=False, methods=["post"])
    def quote(self, request: Request) -> Response:
        """What an order would come to now, and the largest volume that would be filled. Nothing is placed."""
        form = self.parse(OrderForm, request.data)
        found = services.quote(
            client_id=client_id(request),
            index_id=form["id"],
            direction=DIRECTIONS[form["direction"]],
            volume=form["volume"],
            limit=form["limit"],
        )
        return answer("", present.quote(found))

    @extend_schema(request=IdForm, responses={200: None})
    @action(detail=False, methods=["post"])
    def cancel_order(self, request: Request) -> Response:
        """Cancels a waiting limit order."""
        order_id = self.parse(IdForm, request.data)["id"]

        def run() -> dict[str, Any]:
            services.cancel_order(client_id=client_id(request), order_id=order_id)
            return envelope(_("Order cancelled"))

        return answer_once(request, run)

    @extend_schema(request=CloseForm, responses=PlacedCloseSchema)
    @action(detail=False, methods=["post"])
    def close(self, request: Request) -> Response:
        """Asks for a position to be closed, in part or whole, at the next tick."""
        form = self.parse(CloseForm, request.data)

        def run() -> dict[str, Any]:
            order_id, volume = services.close_position(
                client_id=client_id(request), position_id=form["id"], volume=form.get("volume")
            )
            data = {"id": public_ids.encode(order_id), "volume": volume, "status": Order.Status.PENDING}
            return envelope(_("Position closed"), data)

        return answer_once(request, run)

    @extend_schema(request=ProtectForm, responses={200: None})
    @action(detail=False, methods=["post"])
    def protect(self, request: Request) -> Response:
        """Sets take-profit and stop-loss of a position anew; the one that is left out or null is taken away."""
        form = self.parse(ProtectForm, request.data)

        def run() -> dict[str, Any]:
            services.protect_position(
                client_id=client_id(request),
                position_id=form["id"],
                take_profit=form.get("take_profit"),
                stop_loss=form.get("stop_loss"),
            )
            return envelope(_("Done"))

        return answer_once(request, run)

    @extend_schema(responses=PositionSchema(many=True))
    @action(detail=False)
    def positions(self, request: Request) -> Response:
        """Open positions at the last prices."""
        rows, page = paginate(request, queries.open_positions(client_id(request)), self.per_page)
        prices = {row.index_id: row.index.state.last_price for row in rows}
        return answer("", [present.position(row, prices) for row in rows], page)

    @extend_schema(
        parameters=[OpenApiParameter("status", str, enum=ORDER_STATUSES, description="by default pending")],
        responses=OrderSchema(many=True),
    )
    @action(detail=False)
    def orders(self, request: Request) -> Response:
        """Orders of one status, or all of them."""
        status = request.query_params.get("status", Order.Status.PENDING)
        if status not in ORDER_STATUSES:
            raise Invalid({"status": [_("One of: %(choices)s.") % {"choices": ", ".join(ORDER_STATUSES)}]})
        rows, page = paginate(request, queries.orders(client_id(request), status), self.per_page)
        return answer("", [present.listed_order(row) for row in rows], page)

    @extend_schema(responses=PositionLogSchema(many=True))
    @action(detail=False)
    def position_logs(self, request: Request) -> Response:
        """Positions that were closed, in part or whole, with their realised profit; the last closed first."""
        rows, page = paginate(request, queries.position_history(client_id(request)), self.per_page)
        return answer("", [present.position_log(row) for row in rows], page)

    @extend_schema(
        parameters=[OpenApiParameter("position", int, description="only this position's")],
        responses=FillSchema(many=True),
    )
    @action(detail=False)
    def fill_logs(self, request: Request) -> Response:
        """Every execution with what it moved, newest first."""
        form = self.parse(FillsForm, request.query_params)
        rows, page = paginate(request, queries.fills(client_id(request), form.get("position")), self.per_page)
        return answer("", [present.fill(row) for row in rows], page)
