"""The home call, which joins all modules."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common import public_ids
from common.http.envelope import answer
from common.http.permissions import Open
from common.http.views import ApiViewSet
from common.money import ZERO, format_money, format_ratio
from contracts import queries as contracts
from funds import queries as funds
from ledger import queries as ledger
from ledger.accounts import ClientAccount, PlatformAccount
from market_making import queries as market_making
from mining import queries as mining


class GlobalSchema(serializers.Serializer):
    market_pool = serializers.CharField()
    incentive_pool = serializers.CharField()


class MySchema(serializers.Serializer):
    market_pledge = serializers.CharField()
    balance = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    power = serializers.CharField(allow_null=True)
    market_income = serializers.CharField()
    market_loss = serializers.CharField()
    power_income = serializers.CharField()
    fund_income = serializers.CharField()


class PowerSchema(serializers.Serializer):
    power_pool = serializers.CharField()
    power_rate = serializers.IntegerField()
    is_open_power = serializers.BooleanField(allow_null=True)


class HomeIndexSchema(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()
    sub_title = serializers.CharField()
    code = serializers.CharField()
    quote_change = serializers.CharField()


class HomeFundSchema(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()
    profit = serializers.CharField()


# `global` is a word of Python, so this serializer is made by its name.
HomeSchema = type(
    "HomeSchema",
    (serializers.Serializer,),
    {
        "global": GlobalSchema(),
        "my": MySchema(),
        "power": PowerSchema(),
        "index": HomeIndexSchema(many=True),
        "fund": HomeFundSchema(many=True),
    },
)


def _mine(client: Any) -> dict[str, Any]:
    balances = ledger.client_balances(client.id) if client else {}
    nothing = format_money(ZERO)
    income, loss = market_making.client_results(client.id) if client else (ZERO, ZERO)
    return {
        "market_pledge": format_money(balances.get(ClientAccount.PLEDGE, ZERO)),
        "balance": format_money(balances.get(ClientAccount.AVAILABLE, ZERO)),
        "address": client.address if client else None,
        "power": format_money(mining.power(client.id)) if client else None,
        "market_income": format_money(income),
        "market_loss": format_money(loss),
        "power_income": format_money(mining.income(client.id)) if client else nothing,
        "fund_income": format_money(funds.income(client.id)) if client else nothing,
    }


class HomeViewSet(ApiViewSet):
    """What the app's first page shows, signed in or not."""

    permission_classes = [Open]
    shows_closable_popups = True

    @extend_schema(responses=HomeSchema)
    def index(self, request: Request) -> Response:
        """Pools, the client's own figures, indexes and funds."""
        client: Any = request.user
        markets = contracts.markets()
        data = {
            "global": {
                "market_pool": format_money(market_making.figures().equity),
                "incentive_pool": format_money(ledger.balance(PlatformAccount.INCENTIVE_POOL)),
            },
            "my": _mine(client),
            "power": {
                "power_pool": format_money(mining.power_pool()),
                "power_rate": settings.POWER_RATE,
                "is_open_power": mining.is_open(client.id) if client else None,
            },
            "index": [
                {
                    "id": public_ids.encode(row.id),
                    "title": row.title,
                    "sub_title": row.sub_title,
                    "code": row.code,
                    "quote_change": format_ratio(markets[row.id].quote_change) if row.id in markets else "0",
                }
                for row in contracts.listed_indexes()
            ],
            "fund": [
                {
                    "id": public_ids.encode(row.id),
                    "title": row.title,
                    "profit": format_ratio(row.periods.all()[0].profit),
                }
                for row in funds.on_sale()
            ],
        }
        return answer("", data)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """This call's samples bear `status_code`; it stands beside `code`, in errors too."""
        if isinstance(getattr(response, "data", None), dict):
            response.data = {"status_code": response.data["code"], **response.data}
        return super().finalize_response(request, response, *args, **kwargs)
