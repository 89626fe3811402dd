"""The answer's form: code, message, data, and the page of a list."""

from typing import Any

import orjson
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

_ABSENT = object()


class EnvelopeRenderer(BaseRenderer):
    """Writes JSON by orjson, whatever the client says it accepts."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str)


class AlwaysJSON(BaseContentNegotiation):
    """Clients get JSON whatever their Accept header says."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        for parser in parsers:
            kind = (request.content_type or "").split(";")[0].strip().lower()
            if parser.media_type == kind:
                return parser
        return None

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


def envelope(message: Any = "", data: Any = _ABSENT, page: dict[str, int] | None = None) -> dict[str, Any]:
    """A success; `data` is absent where none is given."""
    body: dict[str, Any] = {"code": 200, "message": str(message)}
    if data is not _ABSENT:
        body["data"] = data
    if page is not None:
        body["page"] = page
    return body


def answer(message: Any = "", data: Any = _ABSENT, page: dict[str, int] | None = None) -> Response:
    return Response(envelope(message, data, page))
