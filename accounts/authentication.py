"""Who sends a request or opens a socket."""

from dataclasses import dataclass
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import tokens
from accounts.tokens import Claims
from common import sql
from common.briefly import briefly
from common.errors import Banned, Unauthenticated


@dataclass(frozen=True, slots=True)
class SignedInClient:
    """`request.user` of a client's call; `id` is the database id."""

    id: int
    address: str
    is_banned: bool = False
    is_authenticated: bool = True


def authenticate_token(token: str) -> tuple[SignedInClient, Claims]:
    """The client that a token stands for, and what the token says. One statement.

    A banned client is known too: what its calls are answered is for the popups to say. Raises Unauthenticated where
    the token is wrong, expired or revoked.
    """
    claims = tokens.verify(token)
    found = sql.row(
        """
        SELECT id, address, banned_at IS NOT NULL FROM accounts_client
        WHERE id = %s AND NOT EXISTS (SELECT FROM accounts_revokedtoken WHERE jti = %s)
        """,
        [int(claims["sub"]), claims["jti"]],
    )
    if found is None:
        raise Unauthenticated()
    return SignedInClient(*found), claims


_known_briefly = briefly(authenticate_token)


def authenticate_socket(token: str) -> tuple[int, str, dict[str, Any]]:
    """As `authenticate_token`, in the form the sockets ask for: client id, address, claims. Raises Banned besides."""
    client, claims = authenticate_token(token)
    if client.is_banned:
        raise Banned
    return client.id, client.address, dict(claims)


class ClientAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`. Without it, or with another scheme, nobody is signed in; a bad token is an
    error on every call, open ones included."""

    def authenticate(self, request: Request) -> tuple[SignedInClient, Claims] | None:
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        view = (request.parser_context or {}).get("view")
        known = _known_briefly if getattr(view, "believes_tokens_briefly", False) else authenticate_token
        return known(token.strip())
