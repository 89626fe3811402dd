"""POST market/pledge/cancel, market/income/logs, market/loss/logs; GET market/pledges."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common import public_ids
from common.http.envelope import answer, envelope
from common.http.pagination import paginate
from common.http.views import ApiViewSet
from common.money import format_money
from common.times import format_time
from market_making import queries, services
from market_making.models import Pledge
from operations.api import answer_once, client_id


class RewardSchema(serializers.Serializer):
    """What a settlement brought, or cost, one pledge; `reward` is above zero in both lists."""

    id = serializers.IntegerField()
    reward = serializers.CharField()
    created_at = serializers.CharField()


class PledgeSchema(serializers.Serializer):
    id = serializers.IntegerField()
    no = serializers.CharField()
    amount = serializers.CharField(help_text="paid in")
    principal = serializers.CharField(help_text="what is left of it in the pool")
    income = serializers.CharField(help_text="all income so far")
    loss = serializers.CharField(help_text="all loss so far")
    returned = serializers.CharField(help_text="principal returned so far")
    status = serializers.ChoiceField(choices=["active", "leaving", "left"])
    created_at = serializers.CharField()
    cancelled_at = serializers.CharField(allow_null=True)


class PledgeViewSet(ApiViewSet):
    """Pledges in the market pool and what they brought."""

    paged_actions = ("pledges", "income_logs", "loss_logs")
    keeps_answers = True

    def get_throttles(self) -> list[Any]:
        self.throttle_scope = "order" if self.action == "cancel" else "read"
        return super().get_throttles()

    @extend_schema(request=None, responses={200: None})
    def cancel(self, request: Request) -> Response:
        """Takes all pledges out of the pool, for good; they are paid out by the settlement of the day."""

        def run() -> dict[str, Any]:
            services.cancel_pledges(client_id=client_id(request))
            return envelope(_("Submitted"))

        return answer_once(request, run)

    @extend_schema(responses=PledgeSchema(many=True))
    def pledges(self, request: Request) -> Response:
        """The client's pledges."""
        rows, page = paginate(request, queries.pledges(client_id(request)), self.per_page)
        return answer("", [_pledge(row) for row in rows], page)

    @extend_schema(request=None, responses=RewardSchema(many=True))
    def income_logs(self, request: Request) -> Response:
        """What settlements paid for the client's pledges."""
        rows, page = paginate(request, queries.incomes(client_id(request)), self.per_page)
        return answer("", [_reward(row.id, row.income, row.created_at) for row in rows], page)

    @extend_schema(request=None, responses=RewardSchema(many=True))
    def loss_logs(self, request: Request) -> Response:
        """What settlements took from the principal of the client's pledges."""
        rows, page = paginate(request, queries.losses(client_id(request)), self.per_page)
        return answer("", [_reward(row.id, row.loss, row.created_at) for row in rows], page)


def _reward(row_id: int, amount: Any, created_at: Any) -> dict[str, Any]:
    return {
        "id": public_ids.encode(row_id),
        "reward": format_money(amount),
        "created_at": format_time(created_at),
    }


def _pledge(pledge: Pledge) -> dict[str, Any]:
    cancelled_at = pledge.cancelled_at
    return {
        "id": public_ids.encode(pledge.id),
        "no": pledge.no,
        "amount": format_money(pledge.paid_in),
        "principal": format_money(pledge.principal),
        "income": format_money(pledge.income),
        "loss": format_money(pledge.loss),
        "returned": format_money(pledge.returned),
        "status": "left" if pledge.ended_at else "leaving" if cancelled_at else "active",
        "created_at": format_time(pledge.joined_at),
        "cancelled_at": format_time(cancelled_at) if cancelled_at else None,
    }
