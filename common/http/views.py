"""The base of every call: a viewset that parses, asks a service or a query, and answers."""

from functools import cache
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from common.errors import Unauthenticated
from common.http import gate

# What is written in ASCII is the same in all of them. Python knows codecs that fail in ways of their own.
CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1"}


@cache
def _form(serializer: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """One for all requests, as a nested serializer is: its fields are not copied anew for each, and it keeps nothing
    of what it checks."""
    return serializer()


class ApiViewSet(ViewSet):
    """Calls of one module. `per_page` is the length of its lists; where anybody may read, over and over, a good token
    may be believed for half a second (`believes_tokens_briefly`)."""

    http_method_names = ["get", "head", "post"]
    per_page = 15
    believes_tokens_briefly = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuses, before anything is read or anybody known, a method that the call lacks, a body that is too long
        (Django limits only what it parses itself), and a charset that is none of ours."""
        method = str(request.method).lower()
        if method not in self.action_map:
            raise MethodNotAllowed(method)
        length = str(request.META.get("CONTENT_LENGTH") or 0)
        if not length.isdecimal() or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig
        charset = (request._request.content_params or {}).get("charset", "utf-8")
        if charset.lower() not in CHARSETS:
            raise UnsupportedMediaType(charset)
        super().initial(request, *args, **kwargs)

    def check_throttles(self, request: Request) -> None:
        """The last check before the call's own code."""
        super().check_throttles(request)
        gate.check(request, self)

    def permission_denied(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        """What stands in the way of every answer stands in the way of this one, too."""
        gate.check(request, self)
        raise Unauthenticated

    def parse(self, serializer: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
        """The request's fields after checking; raises DRF's ValidationError."""
        return dict(_form(serializer).run_validation(data))
