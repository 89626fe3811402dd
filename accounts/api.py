"""POST auth/nonce, auth/token, auth/logout, auth/refresh."""

from dataclasses import asdict
from typing import Any, cast

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from accounts import services
from accounts.tokens import Claims
from chain.signatures import normalise_address
from common.http.envelope import answer
from common.http.fields import WordField
from common.http.permissions import Open
from common.http.views import ApiViewSet
from common.times import unix

# 0x and the 8192 bytes that a contract wallet may ask for at most.
LONGEST_SIGNATURE = 2 + 2 * 8192


class ClientTokenScheme(OpenApiAuthenticationExtension):
    """How OpenAPI describes ClientAuthentication."""

    target_class = "accounts.authentication.ClientAuthentication"
    name = "client"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class AddressField(WordField):
    """A wallet address in any case, or with a right checksum; comes out with its EIP-55 checksum."""

    default_error_messages = {"address": _("A valid wallet address is required.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=42, trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        try:
            return normalise_address(super().to_internal_value(data))
        except ValueError:
            self.fail("address")


class NonceRequest(serializers.Serializer[Any]):
    address = AddressField()


class NonceAnswer(serializers.Serializer[Any]):
    nonce = serializers.CharField(help_text="40 hex digits; may be signed instead of `message`")
    expired_at = serializers.IntegerField(help_text="unix seconds")
    message = serializers.CharField(help_text="EIP-4361 text for personal_sign")


class TokenRequest(serializers.Serializer[Any]):
    address = AddressField()
    signature = WordField(max_length=LONGEST_SIGNATURE, trim_whitespace=False, help_text="0x and hex, personal_sign")


class TokenAnswer(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    expired_at = serializers.IntegerField(help_text="unix seconds")


def _ip(request: Request) -> str:
    """The IP that throttling counts, behind however many proxies the settings name."""
    return str(BaseThrottle().get_ident(request))[:64]


def _claims(request: Request) -> Claims:
    return cast(Claims, request.auth)


class SignInCalls(ApiViewSet):
    """Sign-in. Whatever token is sent along is ignored."""

    authentication_classes = []
    permission_classes = [Open]
    throttle_scope = "sign_in"
    # Popups go by the address that is claimed.
    claims_address = True

    @extend_schema(request=NonceRequest, responses=NonceAnswer)
    def nonce(self, request: Request) -> Response:
        """A nonce to be signed by the wallet; it lives 5 minutes and serves once."""
        form = self.parse(NonceRequest, request.data)
        found = services.issue_nonce(address=form["address"], ip=_ip(request))
        return answer("success", {"nonce": found.nonce, "expired_at": unix(found.expires_at), "message": found.message})

    @extend_schema(request=TokenRequest, responses=TokenAnswer)
    def token(self, request: Request) -> Response:
        """A token for a signed nonce. The first sign-in of a wallet creates the client."""
        form = self.parse(TokenRequest, request.data)
        issued = services.sign_in(address=form["address"], signature=form["signature"], ip=_ip(request))
        return answer(_("Signed in"), asdict(issued))


class TokenCalls(ApiViewSet):
    """The end of a token."""

    throttle_scope = "read"

    @extend_schema(request=None, responses={200: None})
    def logout(self, request: Request) -> Response:
        """Ends the token that was sent."""
        services.sign_out(_claims(request))
        return answer(_("Done"))

    @extend_schema(request=None, responses=TokenAnswer)
    def refresh(self, request: Request) -> Response:
        """A new token for the one that was sent, which ends."""
        return answer(_("Done"), asdict(services.refresh(_claims(request))))
