"""The operators' sign-in: password, then the second factor; neither may be tried without end."""

from typing import Any, cast

import segno
from django import forms
from django.contrib import admin
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django_otp import login as verify
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from unfold.widgets import UnfoldAdminTextInputWidget

from backoffice import sessions
from common.http.throttles import exceeded
from operations import audit


def login(request: HttpRequest) -> HttpResponse:
    """The admin's own page; too many tries from an IP or for a name are 429 before any password is hashed."""
    if request.method == "POST":
        name = request.POST.get("username", "")[:150].lower()
        if refusal := _too_often(request, name):
            return refusal
    elif request.user.is_authenticated and sessions.is_over(request):
        logout(request)
    elif cast(User, request.user).is_staff and sessions.needs_second_factor(request):
        return HttpResponseRedirect(f"{reverse('second_factor')}?{request.GET.urlencode()}")
    return admin.site.login(request)


class CodeForm(forms.Form):
    code = forms.RegexField(
        r"\A\d{6}\Z",
        label=gettext_lazy("Code"),
        widget=UnfoldAdminTextInputWidget(
            {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "maxlength": 6}
        ),
        error_messages={"invalid": gettext_lazy("The code has six digits.")},
    )


@never_cache
def second_factor(request: HttpRequest) -> HttpResponse:
    """Asks for the code of the operator's authenticator; who has none yet is shown the secret of a new one."""
    user = cast(User, request.user)
    if not (user.is_authenticated and user.is_active and user.is_staff):
        return HttpResponseRedirect(reverse("admin:login"))
    form = CodeForm(request.POST or None)
    enrolled = TOTPDevice.objects.filter(user=user, confirmed=True).exists()
    if request.method == "POST":
        if refusal := _too_often(request, user.get_username()):
            return refusal
        if form.is_valid():
            if _proved(request, user, form.cleaned_data["code"], enrolled):
                return HttpResponseRedirect(_next(request))
            form.add_error("code", _("This code is not right, or was used already."))
    context: dict[str, Any] = {**admin.site.each_context(request), "form": form, "enrolled": enrolled}
    if not enrolled:
        device, _made = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "totp"})
        picture = segno.make(device.config_url, error="m")
        context |= {"secret": device.config_url.split("secret=")[1].split("&")[0]}
        context |= {"picture": picture.svg_data_uri(scale=5, border=2)}
    return render(request, "admin/second_factor.html", context)


@transaction.atomic
def _proved(request: HttpRequest, user: User, code: str, enrolled: bool) -> bool:
    """Whether the code is the device's of now, once; a first one confirms a new device."""
    device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=enrolled).first()
    if device is None or not device.verify_is_allowed()[0] or not device.verify_token(code):
        return False
    if not enrolled:
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        audit.record(operator=user, action="totpdevice.confirm", object_type="auth.User", object_id=user.pk)
    verify(request, device)
    return True


def _next(request: HttpRequest) -> str:
    wanted = request.GET.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}) else reverse("admin:index")


def _too_often(request: HttpRequest, name: str) -> HttpResponse | None:
    ip = str(BaseThrottle().get_ident(Request(request)))
    waits = [exceeded("operator_ip", ip), exceeded("operator_name", f"{name.lower()}|{ip}")]
    wait = max((seconds for seconds in waits if seconds is not None), default=None)
    if wait is None:
        return None
    return HttpResponse(_("Too many requests"), status=429, headers={"Retry-After": str(max(1, round(wait)))})
