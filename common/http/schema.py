"""OpenAPI: every success as the envelope around what the call answers, every failure as the envelope's error."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter

from common.http.pagination import LARGEST_PAGE
from common.http.permissions import Open

FAILURE = {
    "type": "object",
    "required": ["code", "message", "reason"],
    "properties": {
        "code": {"type": "integer"},
        "message": {"type": "string"},
        "reason": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    },
}
PAGE = {
    "type": "object",
    "properties": {name: {"type": "integer"} for name in ("total", "count", "per_page", "current_page", "total_pages")},
}
PAGE_PARAMETERS = [
    OpenApiParameter("page", int, description="from 1"),
    OpenApiParameter("per_page", int, description=f"rows of a page, at most {LARGEST_PAGE}"),
]
KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="A repeat with the same key and body within 24 hours gets the stored answer.",
)


class EnvelopeSchema(AutoSchema):
    """A call says what stands in `data` by extend_schema(responses=…); `paged_actions` of its viewset have pages, and
    where `keeps_answers` its POSTs take an Idempotency-Key."""

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_operation_id(self) -> str:
        path = self.path.removeprefix("/api/v1/").replace("/", "_")
        return path if self.method == "GET" else f"{path}_{self.method.lower()}"

    def get_auth(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super().get_auth()
        is_open = any(isinstance(permission, Open) for permission in self.view.get_permissions())
        return [*found, {}] if found and is_open else found

    def get_override_parameters(self) -> list[OpenApiParameter]:
        if self._is_paged():
            return PAGE_PARAMETERS
        return [KEY] if self.method == "POST" and getattr(self.view, "keeps_answers", False) else []

    def _is_paged(self) -> bool:
        return getattr(self.view, "action", None) in getattr(self.view, "paged_actions", ())

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        failure = self._component("Failure", FAILURE)
        wrapped: dict[str, Any] = {}
        for response in bodies.values():
            data = response.get("content", {}).get("application/json", {}).get("schema")
            properties: dict[str, Any] = {"code": {"type": "integer", "example": 200}, "message": {"type": "string"}}
            if data is not None:
                properties["data"] = data
            if self._is_paged():
                properties["page"] = self._component("Page", PAGE)
            success = {"type": "object", "required": list(properties), "properties": properties}
            wrapped["200"] = {
                "description": "code 200, or 500 with a reason where the operation was refused",
                "content": {"application/json": {"schema": {"anyOf": [success, failure]}}},
            }
        for status, why in (("400", "invalid"), ("401", "not signed in"), ("429", "too many requests")):
            wrapped[status] = {"description": why, "content": {"application/json": {"schema": failure}}}
        return wrapped

    def _component(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        """A reference to a schema that many calls share."""
        component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, schema=schema, object=name)
        self.registry.register_on_missing(component)
        found: dict[str, Any] = component.ref
        return found
