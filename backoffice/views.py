"""The operators' sign-in, which may not be tried without end."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from common.http.throttles import exceeded


def login(request: HttpRequest) -> HttpResponse:
    """The admin's own page; too many tries from an IP or for a name are 429 before any password is hashed."""
    if request.method == "POST":
        ip = str(BaseThrottle().get_ident(Request(request)))
        name = request.POST.get("username", "")[:150].lower()
        waits = [exceeded("operator_ip", ip), exceeded("operator_name", f"{name}|{ip}")]
        wait = max((seconds for seconds in waits if seconds is not None), default=None)
        if wait is not None:
            sentence = _("Too many requests")
            return HttpResponse(sentence, status=429, headers={"Retry-After": str(max(1, round(wait)))})
    return admin.site.login(request)
