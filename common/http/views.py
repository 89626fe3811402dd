"""The base of every call: a viewset that parses, asks a service or a query, and answers."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from common.http.envelope import answer
from common.http.pagination import paginate


class ApiViewSet(ViewSet):
    """Calls of one module. `per_page` is the length of its lists."""

    per_page = 15

    def parse(self, serializer: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
        """The request's fields after checking; raises DRF's ValidationError."""
        form = serializer(data=data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def page(
        self, request: Request, queryset: QuerySet[Any], serializer: type[serializers.Serializer[Any]]
    ) -> Response:
        """One page of a list."""
        found, page = paginate(request, queryset, self.per_page)
        return answer("", serializer(found, many=True).data, page)
