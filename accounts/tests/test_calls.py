"""The calls as a client sees them."""

import asyncio

import jwt
import pytest
import yaml
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from rest_framework.test import APIClient

from accounts.authentication import authenticate_token
from accounts.models import Client, Nonce, RevokedToken
from accounts.tests.wallets import Wallet
from chain import development
from common.errors import Unauthenticated
from common.sockets import registry
from common.sockets.publish import client_group

NONCE, TOKEN = "/api/v1/auth/nonce", "/api/v1/auth/token"
LOGOUT, REFRESH = "/api/v1/auth/logout", "/api/v1/auth/refresh"


@pytest.fixture
def api() -> APIClient:
    return APIClient(HTTP_ACCEPT_LANGUAGE="en")


def bearer(token: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


def signed_in(api: APIClient, wallet: Wallet) -> str:
    nonce = api.post(NONCE, {"address": wallet.address}, format="json").json()["data"]
    body = {"address": wallet.address, "signature": wallet.sign(nonce["message"])}
    return str(api.post(TOKEN, body, format="json").json()["data"]["access_token"])


def invalid(response, field: str) -> None:
    assert response.status_code == 400, response.content
    body = response.json()
    assert (body["code"], body["reason"]) == (400, "invalid")
    assert list(body["errors"]) == [field]


def unauthenticated(response) -> None:
    assert response.status_code == 401
    assert response.json() == {"code": 401, "message": "Authentication failed", "reason": "unauthenticated"}


@pytest.mark.django_db
class TestSignIn:
    @pytest.mark.parametrize("format", ["json", "multipart"])
    def test_from_nonce_to_token(self, api, format):
        wallet = Wallet()
        response = api.post(NONCE, {"address": wallet.address}, format=format)
        assert response.status_code == 200
        body = response.json()
        assert (body["code"], body["message"]) == (200, "success")
        assert body["data"].keys() == {"nonce", "expired_at", "message"}
        stored = Nonce.objects.get()
        assert body["data"]["nonce"] == stored.nonce
        assert body["data"]["expired_at"] == int(stored.expires_at.timestamp())
        signature = wallet.sign(body["data"]["message"])
        response = api.post(TOKEN, {"address": wallet.address, "signature": signature}, format=format)
        assert response.status_code == 200
        body = response.json()
        assert (body["code"], body["message"]) == (200, "Signed in")
        assert body["data"].keys() == {"access_token", "expired_at"}
        claims = jwt.decode(body["data"]["access_token"], options={"verify_signature": False})
        assert body["data"]["expired_at"] == claims["exp"]
        assert claims["sub"] == str(Client.objects.get().id)

    def test_form_urlencoded(self, api):
        form = f"address={Wallet().address}"
        response = api.post(NONCE, form, content_type="application/x-www-form-urlencoded")
        assert response.json()["code"] == 200

    def test_messages_are_the_documents_in_chinese(self):
        api, wallet = APIClient(), Wallet()
        nonce = api.post(NONCE, {"address": wallet.address}, format="json").json()
        assert nonce["message"] == "success"
        body = {"address": wallet.address, "signature": wallet.sign(nonce["data"]["nonce"])}
        assert api.post(TOKEN, body, format="json").json()["message"] == "认证成功"
        assert api.post(TOKEN, body, format="json").json()["message"] == "认证失败"

    def test_any_case_of_an_address_is_the_same_wallet(self, api):
        wallet = Wallet()
        for written in (wallet.address, wallet.address.lower(), "0x" + wallet.address[2:].upper()):
            nonce = api.post(NONCE, {"address": written}, format="json").json()["data"]
            assert nonce["message"].split("\n")[1] == wallet.address
            body = {"address": wallet.address.lower(), "signature": wallet.sign(nonce["message"])}
            assert api.post(TOKEN, body, format="json").json()["code"] == 200
        assert Client.objects.get().address == wallet.address

    def test_a_wrong_checksum_is_invalid(self, api):
        address = Wallet().address
        position = next(i for i, letter in enumerate(address) if letter in "abcdefABCDEF")
        wrong = address[:position] + address[position].swapcase() + address[position + 1 :]
        invalid(api.post(NONCE, {"address": wrong}, format="json"), "address")
        invalid(api.post(TOKEN, {"address": wrong, "signature": "0x00"}, format="json"), "address")

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "0x",
            "0x" + "a" * 39,
            "0x" + "a" * 41,
            "a" * 40,
            "0X" + "a" * 40,
            "0x" + "g" * 40,
            "0x" + "１" * 40,
            " 0x" + "a" * 40,
            "0x" + "a" * 40 + "\n",
            "0x" + "a" * 50_000,
            None,
            True,
            1,
            1.5,
            [],
            {},
            ["0x" + "a" * 40],
        ],
    )
    def test_what_is_no_address_is_invalid(self, api, address):
        invalid(api.post(NONCE, {"address": address}, format="json"), "address")
        assert not Nonce.objects.exists()

    @pytest.mark.parametrize("signature", [None, True, 1, 1.5, [], {}, ["0x00"], "", "0x" + "00" * 8193])
    def test_what_is_no_text_is_no_signature(self, api, signature):
        body = {"address": Wallet().address, "signature": signature}
        invalid(api.post(TOKEN, body, format="json"), "signature")

    @pytest.mark.parametrize("signature", ["0x", "nonsense", "0x" + "00" * 65, "0x" + "ff" * 8192, "0x" + "１" * 130])
    def test_a_wrong_signature_is_unauthenticated(self, api, signature):
        wallet = Wallet()
        api.post(NONCE, {"address": wallet.address}, format="json")
        unauthenticated(api.post(TOKEN, {"address": wallet.address, "signature": signature}, format="json"))
        assert not Client.objects.exists()

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"[]",
            b"null",
            b"{",
            b'"text"',
            b"\xff",
            b'{"address": NaN}',
            b'{"address": "0x\\u0000"}',
            b"[" * 50_000,
            b'{"address": "' + b"a" * 70_000 + b'"}',
            b'{"address": "\\ud800"}',
        ],
    )
    def test_a_malformed_body_is_400(self, api, body):
        for path in (NONCE, TOKEN):
            response = api.generic("POST", path, body, content_type="application/json")
            assert response.status_code == 400, response.content
            assert response.json()["code"] == 400

    def test_nul_in_a_form_is_invalid(self, api):
        invalid(api.post(NONCE, {"address": "0x" + "a" * 39 + "\x00"}), "address")
        body = {"address": Wallet().address, "signature": "0x\x00"}
        invalid(api.post(TOKEN, body), "signature")

    def test_another_method_is_405(self, api):
        for path in (NONCE, TOKEN):
            assert api.get(path).status_code == 405

    def test_a_token_sent_along_is_ignored(self, api):
        wallet = Wallet()
        api.credentials(**bearer("nonsense"))
        assert authenticate_token(signed_in(api, wallet))[0].address == wallet.address

    def test_a_node_out_of_reach_is_said(self, api, settings):
        settings.CHAIN_RPC_URL = "http://127.0.0.1:9"
        address = development.wallet(5).address
        nonce = api.post(NONCE, {"address": address}, format="json").json()["data"]["nonce"]
        response = api.post(TOKEN, {"address": address, "signature": Wallet().sign(nonce)}, format="json")
        assert response.status_code == 200
        assert response.json() == {
            "code": 500,
            "message": "The chain cannot be reached. Please try again later.",
            "reason": "chain_unavailable",
        }


@pytest.mark.django_db
class TestThrottle:
    def refused(self, response) -> None:
        assert response.status_code == 429
        assert response.json() == {"code": 429, "message": "Too many requests", "reason": "throttled"}
        assert 1 <= int(response["Retry-After"]) <= 600

    def test_an_address_and_ip(self, api, settings):
        settings.THROTTLES = {**settings.THROTTLES, "sign_in_address": (2, 600)}
        body = {"address": Wallet().address}
        assert api.post(NONCE, body, format="json").status_code == 200
        # Another case, and the other call, count with it.
        wrong = {"address": body["address"].lower(), "signature": "0x"}
        assert api.post(TOKEN, wrong, format="json").status_code == 401
        self.refused(api.post(NONCE, body, format="json"))
        self.refused(api.post(TOKEN, wrong, format="json"))
        assert api.post(NONCE, body, format="json", REMOTE_ADDR="203.0.113.1").status_code == 200
        assert api.post(NONCE, {"address": Wallet().address}, format="json").status_code == 200
        # A header that anybody can write moves nobody.
        self.refused(api.post(NONCE, body, format="json", HTTP_X_FORWARDED_FOR="203.0.113.2"))

    def test_an_ip(self, api, settings):
        settings.THROTTLES = {**settings.THROTTLES, "sign_in_ip": (2, 600)}
        for _ in range(2):
            assert api.post(NONCE, {"address": Wallet().address}, format="json").status_code == 200
        self.refused(api.post(NONCE, {"address": Wallet().address}, format="json"))


@pytest.mark.django_db
class TestToken:
    def test_logout_ends_it(self, api):
        token = signed_in(api, Wallet())
        response = api.post(LOGOUT, **bearer(token))
        assert response.status_code == 200
        assert response.json() == {"code": 200, "message": "Done"}
        unauthenticated(api.post(LOGOUT, **bearer(token)))

    def test_refresh_replaces_it(self, api):
        wallet = Wallet()
        token = signed_in(api, wallet)
        response = api.post(REFRESH, **bearer(token))
        assert response.status_code == 200
        body = response.json()
        assert (body["code"], body["message"]) == (200, "Done")
        assert body["data"].keys() == {"access_token", "expired_at"}
        unauthenticated(api.post(REFRESH, **bearer(token)))
        assert authenticate_token(body["data"]["access_token"])[0].address == wallet.address

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "Bearer",
            "Bearer ",
            "Bearer x",
            "Bearer x y",
            "Basic YTpi",
            "Token x",
            "Bearer " + "x" * 5000,
            "Bearer é",
            "bearer .",
        ],
    )
    def test_without_a_good_one_nobody_is_signed_in(self, api, header):
        more = {} if header is None else {"HTTP_AUTHORIZATION": header}
        for path in (LOGOUT, REFRESH):
            unauthenticated(api.post(path, **more))
        assert not RevokedToken.objects.exists()

    def test_the_scheme_is_read_in_any_case(self, api):
        token = signed_in(api, Wallet())
        assert api.post(LOGOUT, HTTP_AUTHORIZATION=f"bearer {token}").json()["code"] == 200

    def test_an_operators_session_opens_no_clients_api(self, api, admin_user):
        api.force_login(admin_user)
        unauthenticated(api.post(LOGOUT))


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("path", [LOGOUT, REFRESH])
def test_the_clients_sockets_are_told(api, path):
    token = signed_in(api, Wallet())
    client, claims = authenticate_token(token)

    async def listen() -> dict[str, str]:
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(client_group(client.id), channel)
        response = await sync_to_async(api.post)(path, **bearer(token))
        assert response.status_code == 200
        return dict(await asyncio.wait_for(layer.receive(channel), 5))

    assert async_to_sync(listen)() == {"type": "token.ended", "jti": claims["jti"]}


class TestOpenAPI:
    def test_describes_the_calls(self, api):
        schema = yaml.safe_load(api.get("/api/schema").content)
        nonce = schema["paths"]["/api/v1/auth/nonce"]["post"]
        assert nonce["tags"] == ["auth"]
        success = nonce["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"][0]
        assert success["properties"]["data"] == {"$ref": "#/components/schemas/NonceAnswer"}
        assert schema["components"]["schemas"]["NonceAnswer"]["required"] == [
            "expired_at",
            "message",
            "nonce",
        ]
        assert "security" not in nonce
        assert schema["paths"]["/api/v1/auth/logout"]["post"]["security"] == [{"client": []}]
        assert schema["components"]["securitySchemes"]["client"]["scheme"] == "bearer"

    def test_has_a_page(self, api):
        response = api.get("/api/docs")
        assert response.status_code == 200
        assert b"swagger" in response.content


@pytest.mark.django_db
def test_sockets_know_the_same_tokens(api):
    token = signed_in(api, Wallet())
    client, claims = authenticate_token(token)
    assert registry.authenticate(token) == (client.id, client.address, claims)
    api.post(LOGOUT, **bearer(token))
    with pytest.raises(Unauthenticated):
        registry.authenticate(token)
