"""The calls under /power/."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from common import public_ids
from common.http.envelope import answer
from common.http.pagination import paginate
from common.http.views import ApiViewSet
from common.money import format_money
from common.times import format_time
from mining import queries, services
from mining.models import PowerReward
from operations.api import client_id


class PowerRewardSchema(serializers.Serializer):
    id = serializers.IntegerField()
    reward = serializers.CharField()
    created_at = serializers.CharField()


def _reward(row: PowerReward) -> dict[str, Any]:
    assert row.paid_at is not None
    return {
        "id": public_ids.encode(row.id),
        "reward": format_money(row.amount),
        "created_at": format_time(row.paid_at),
    }


class PowerViewSet(ApiViewSet):
    """A client's mining."""

    paged_actions = ("rewards",)

    def get_throttles(self) -> list[Any]:
        self.throttle_scope = "read" if self.action == "rewards" else "order"
        return super().get_throttles()

    @extend_schema(request=None, responses={200: None})
    @action(detail=False, methods=["post"])
    def start(self, request: Request) -> Response:
        """Opens mining; again extends."""
        services.start_mining(client_id=client_id(request))
        return answer(_("Done"))

    @extend_schema(request=None, responses={200: None})
    @action(detail=False, methods=["post"])
    def stop(self, request: Request) -> Response:
        """Closes mining; again is no error."""
        services.stop_mining(client_id=client_id(request))
        return answer(_("Done"))

    @extend_schema(request=None, responses=PowerRewardSchema(many=True))
    @action(detail=False, methods=["get", "post"])
    def rewards(self, request: Request) -> Response:
        """What the daily settlements paid."""
        rows, page = paginate(request, queries.rewards(client_id(request)), self.per_page)
        return answer("", [_reward(row) for row in rows], page)
