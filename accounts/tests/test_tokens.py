"""Tokens: what they say, and what is not taken for one."""

import base64
import json
import time

import jwt
import pytest

from accounts import services
from accounts.authentication import SignedInClient, authenticate_token
from accounts.models import Client, RevokedToken
from accounts.tests.wallets import Wallet
from common.errors import Unauthenticated

pytestmark = pytest.mark.django_db
CLAIMS = {"iss", "iat", "nbf", "exp", "jti", "sub"}


@pytest.fixture
def token() -> str:
    return Wallet().sign_in().access_token


@pytest.fixture
def signed(settings, token):
    """Signs a token like the client's own, but for the claims given; None leaves one out."""
    own = jwt.decode(token, options={"verify_signature": False})

    def sign(key=settings.SIMPLE_JWT["SIGNING_KEY"], algorithm="HS512", **changes):
        payload = {name: value for name, value in {**own, **changes}.items() if value is not None}
        return jwt.encode(payload, key, algorithm=algorithm)

    return sign


def refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        authenticate_token(token)


def test_says_who_and_for_how_long(token, settings):
    client, claims = authenticate_token(token)
    assert client == SignedInClient(Client.objects.get().id, Client.objects.get().address)
    assert client.is_authenticated
    assert jwt.get_unverified_header(token)["alg"] == "HS512"
    assert jwt.decode(token, settings.SIMPLE_JWT["SIGNING_KEY"], algorithms=["HS512"], issuer="soke") == claims
    assert claims.keys() == CLAIMS
    assert claims["sub"] == str(client.id)
    assert claims["exp"] - claims["iat"] == 24 * 3600
    assert claims["nbf"] == claims["iat"]


def test_costs_one_statement(token, django_assert_num_queries):
    with django_assert_num_queries(1):
        authenticate_token(token)
    with django_assert_num_queries(0):
        refused(token[:-6] + "AAAAAA")


def test_the_test_can_sign(signed):
    assert authenticate_token(signed())


def test_another_key_or_algorithm_is_refused(signed):
    refused(signed(key="k" * 64))
    refused(signed(algorithm="HS256"))
    refused(signed(algorithm="HS384"))
    refused(signed(key=None, algorithm="none"))
    header, payload, signature = signed().split(".")
    unsigned = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    refused(f"{unsigned}.{payload}.")
    refused(f"{unsigned}.{payload}.{signature}")
    refused(f"{header}.{payload}.")
    other = base64.urlsafe_b64encode(json.dumps({"sub": "1"}).encode()).rstrip(b"=").decode()
    refused(f"{header}.{other}.{signature}")


def test_another_time_is_refused(signed):
    now = int(time.time())
    refused(signed(exp=now))
    refused(signed(nbf=now + 60))
    refused(signed(iat=now + 60))


def test_other_claims_are_refused(signed):
    refused(signed(iss="somebody"))
    refused(signed(token_type="access"))
    for name in CLAIMS:
        refused(signed(**{name: None}))


def test_a_client_that_is_not_there_is_refused(signed):
    refused(signed(sub=str(2**62)))


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é", "\x00", "\ud800", "e30.e30.e30", "x" * 513, "[" * 500])
def test_what_is_no_token_is_refused(text):
    refused(text)


def test_a_deep_header_is_refused():
    refused(base64.urlsafe_b64encode(b"[" * 370).decode().rstrip("=") + ".e30.e30")


def test_signed_out_is_refused(token):
    claims = authenticate_token(token)[1]
    services.sign_out(claims)
    refused(token)
    services.sign_out(claims)
    assert RevokedToken.objects.get().expires_at.timestamp() == claims["exp"]


def test_signing_out_leaves_other_tokens_alone():
    wallet = Wallet()
    first, second = wallet.sign_in().access_token, wallet.sign_in().access_token
    services.sign_out(authenticate_token(first)[1])
    refused(first)
    assert authenticate_token(second)


def test_refresh_gives_a_new_one_for_the_old(token):
    client, claims = authenticate_token(token)
    issued = services.refresh(claims)
    refused(token)
    again, fresh = authenticate_token(issued.access_token)
    assert again == client
    assert fresh["jti"] != claims["jti"]
    with pytest.raises(Unauthenticated):
        services.refresh(claims)
