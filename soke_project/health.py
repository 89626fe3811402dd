"""Whether the process lives, and whether the platform can serve."""

from django.http import HttpRequest, JsonResponse

from common import health


def healthz(request: HttpRequest) -> JsonResponse:
    """The process is up."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 `{status: ok, checks: [names]}`, or 503 `{status: unavailable, failed: {name: sentence}}`."""
    failed = health.failures()
    if failed:
        return JsonResponse({"status": "unavailable", "failed": failed}, status=503)
    return JsonResponse({"status": "ok", "checks": health.names()})
