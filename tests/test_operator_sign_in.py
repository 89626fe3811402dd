"""Operators' sign-in: password, second factor, and the session's end."""

import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from operations.models import AuditEntry

PASSWORD = "correct horse battery"
FACTOR = "/admin/second-factor/"


@pytest.fixture
def user(db: None, settings: Any) -> User:
    settings.SOKE_TOTP_REQUIRED = True
    return User.objects.create_superuser("watched", password=PASSWORD)


def code(device: TOTPDevice, steps: int = 0) -> str:
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    totp.time = time.time() + steps * device.step
    return f"{totp.token():06d}"


def with_password(user: User) -> Browser:
    browser = Browser()
    browser.post("/admin/login/", {"username": user.username, "password": PASSWORD})
    return browser


def enrolled(user: User) -> TOTPDevice:
    device: TOTPDevice = TOTPDevice.objects.create(user=user, confirmed=True, name="totp")
    return device


def test_a_password_alone_opens_nothing(user: User) -> None:
    browser = with_password(user)
    for path in ("/admin/", "/admin/ledger/transfer/", "/admin/export/ledger/transfer/"):
        response = browser.get(path)
        assert (response.status_code, response["Location"].split("?")[0]) == (302, "/admin/login/")
    response = browser.get("/admin/login/?next=/admin/ledger/transfer/")
    assert response["Location"] == f"{FACTOR}?next=%2Fadmin%2Fledger%2Ftransfer%2F"


def test_a_sign_in_that_came_from_nowhere_leads_to_the_dashboard(user: User, settings: Any) -> None:
    settings.SOKE_TOTP_REQUIRED = False
    response = Browser().post("/admin/login/", {"username": user.username, "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_the_first_sign_in_makes_a_device(user: User) -> None:
    browser = with_password(user)
    page = browser.get(FACTOR).content.decode()
    device = TOTPDevice.objects.get(user=user, confirmed=False)
    assert "data:image/svg+xml" in page
    assert device.config_url.split("secret=")[1].split("&")[0] in page
    assert browser.post(FACTOR, {"code": "12345x"}).status_code == 200
    assert browser.get("/admin/").status_code == 302
    response = browser.post(f"{FACTOR}?next=/admin/ledger/transfer/", {"code": code(device)})
    assert response["Location"] == "/admin/ledger/transfer/"
    assert browser.get("/admin/ledger/transfer/").status_code == 200
    assert AuditEntry.objects.get(action="totpdevice.confirm").operator == user
    # From now on the secret is shown to nobody.
    device.refresh_from_db()
    assert device.confirmed
    for who in (browser, with_password(user)):
        assert "data:image/svg+xml" not in who.get(FACTOR).content.decode()
    row = browser.get(f"/admin/otp_totp/totpdevice/{device.pk}/change/").content.decode()
    assert device.key not in row


def test_a_code_serves_once_and_a_wrong_one_slows_down(user: User) -> None:
    device = enrolled(user)
    browser = with_password(user)
    right = code(device)
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    assert browser.post(FACTOR, {"code": wrong}).status_code == 200
    # The device itself waits a second after a wrong one.
    assert browser.post(FACTOR, {"code": right}).status_code == 200
    TOTPDevice.objects.filter(pk=device.pk).update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert browser.post(FACTOR, {"code": right}).status_code == 302
    again = with_password(user)
    assert again.post(FACTOR, {"code": right}).status_code == 200
    assert again.get("/admin/").status_code == 302


def test_codes_are_not_tried_without_end(user: User, settings: Any) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "operator_name": (5, 86_400)}
    enrolled(user)
    browser = with_password(user)
    answers = [browser.post(FACTOR, {"code": f"{number:06d}"}).status_code for number in range(5)]
    assert answers == [200] * 4 + [429]


def test_it_leads_nowhere_else(user: User) -> None:
    device = enrolled(user)
    response = with_password(user).post(f"{FACTOR}?next=//evil.example/", {"code": code(device)})
    assert response["Location"] == "/admin/"


def test_nobody_else_gets_there(user: User) -> None:
    assert Browser().get(FACTOR)["Location"] == "/admin/login/"
    nobody = Browser()
    nobody.force_login(User.objects.create_user("nobody"))
    assert nobody.get(FACTOR)["Location"] == "/admin/login/"


def test_a_session_ends_after_a_working_day(user: User, settings: Any) -> None:
    settings.SOKE_TOTP_REQUIRED = False
    browser = with_password(user)
    response = browser.get("/admin/")
    assert response.status_code == 200
    assert browser.session.get_expire_at_browser_close()
    session = browser.session
    session["operator_since"] = int(time.time()) - settings.OPERATOR_SESSION_SECONDS
    session.save()
    assert browser.get("/admin/").status_code == 302
    assert browser.get("/admin/login/").status_code == 200
    assert "_auth_user_id" not in browser.session


def test_a_quiet_session_ends(user: User, settings: Any) -> None:
    assert (settings.SESSION_COOKIE_AGE, settings.SESSION_SAVE_EVERY_REQUEST) == (1800, True)
