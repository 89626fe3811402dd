"""Every failure as an answer: the only place where errors meet HTTP."""

from typing import Any

import orjson
import structlog
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

from common.errors import Interrupted, Invalid, Problem

log = structlog.get_logger(__name__)


def failure(code: int, message: Any, reason: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "message": str(message), "reason": reason, **more}


def http_status(code: int) -> int:
    """A refused operation (500) was a request that fared well; the other codes are both."""
    return 200 if code == 500 else code


def _invalid(errors: Any = None, reason: str = "invalid") -> Response:
    if not isinstance(errors, dict):
        errors = {"non_field_errors": errors if isinstance(errors, list) else [str(errors or _("Malformed request."))]}
    return Response(failure(400, _("Invalid parameters"), reason, errors=errors), status=400)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's hook: whatever a call raised becomes the documented envelope."""
    if isinstance(error, Invalid):
        return _invalid({k: [str(s) for s in found] for k, found in error.errors.items()}, error.reason)
    if isinstance(error, Interrupted):
        # The document's samples say `status_code` here, other calls `code`.
        return Response({"status_code": error.code, "code": error.code, "message": "", "data": error.data})
    if isinstance(error, Problem):
        return Response(failure(error.code, error.message, error.reason), status=http_status(error.code))
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error.detail)
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed | exceptions.PermissionDenied):
        return Response(failure(401, _("Authentication failed"), "unauthenticated"), status=401)
    if isinstance(error, exceptions.MethodNotAllowed):
        return Response(failure(405, _("Method not allowed"), "method_not_allowed"), status=405)
    if isinstance(error, exceptions.Throttled):
        wait = max(1, round(getattr(error, "wait", None) or 1))
        body = failure(429, _("Too many requests"), "throttled")
        return Response(body, status=429, headers={"Retry-After": str(wait)})
    if isinstance(error, Http404 | exceptions.NotFound):
        return Response(failure(404, _("Unknown path"), "unknown_path"), status=404)
    if isinstance(error, exceptions.APIException | BadRequest | SuspiciousOperation | RequestDataTooBig):
        # Malformed bodies, foreign media types and bodies beyond the limit.
        return _invalid(getattr(error, "detail", None))
    return _unforeseen(context["request"], error)


def _unforeseen(request: Any, error: Exception) -> Response:
    request_id = getattr(request, "request_id", "")
    log.error("unforeseen", path=request.path, request_id=request_id, exc_info=error)
    return Response(failure(500, _("The operation failed"), "unforeseen", request_id=request_id), status=500)


def _json(request: HttpRequest, code: int, message: str, reason: str, status: int) -> HttpResponse:
    body = failure(code, message, reason)
    if code == 500:
        body["request_id"] = getattr(request, "request_id", "")
    return HttpResponse(orjson.dumps(body), status=status, content_type="application/json")


def unknown_path(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    return _json(request, 404, _("Unknown path"), "unknown_path", 404)


def bad_request(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    return _json(request, 400, _("Invalid parameters"), "invalid", 400)


def server_error(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    return _json(request, 500, _("The operation failed"), "unforeseen", 500)
