"""For calls that move money: the answer to a request and to its repeats."""

from collections.abc import Callable
from typing import Any, cast

from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response

from common.http.errors import failure, http_status
from operations.idempotency import Answer, once


def answer_once(request: Request, run: Callable[[], Answer]) -> Response:
    """Answers with the envelope that `run` returns, once for an `Idempotency-Key` where the client sent one.

    What `run` raises becomes the answer too: a Refused is kept for the repeat, other errors are not.
    """
    answer = once(
        client_id=client_id(request),
        path=request.path,
        key=request.META.get("HTTP_IDEMPOTENCY_KEY"),
        body=_plain(request.data),
        run=run,
        refusal=lambda error: failure(error.code, error.message, error.reason),
    )
    return Response(answer, status=http_status(answer["code"]))


def client_id(request: Request) -> int:
    """The signed-in client's database id."""
    return cast(int, request.user.id)


def _plain(data: Any) -> dict[str, Any]:
    return data.dict() if isinstance(data, QueryDict) else dict(data)
