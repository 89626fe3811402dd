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
        answer = JsonResponse({"status": "unavailable", "failed": failed}, status=503)
        # Django logs every 5xx as an error; here it is the answer to a question.
        setattr(answer, "_has_been_logged", True)  # noqa: B010 - no public name
        return answer
    return JsonResponse({"status": "ok", "checks": health.names()})
