"""Clients' tokens: JWTs, HS512, one day, with the claims `iss iat nbf exp jti sub` and no others."""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypedDict, cast

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

from common.errors import Unauthenticated

# About twice what a token takes. What is longer is not parsed at all.
LONGEST = 512


class Claims(TypedDict):
    """`iat`, `nbf` and `exp` are unix seconds, `sub` is the client's database id as text."""

    iss: str
    iat: int
    nbf: int
    exp: int
    jti: str
    sub: str


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """`expired_at` is in unix seconds."""

    access_token: str
    expired_at: int


class ClientToken(AccessToken):
    """simplejwt's token with `nbf`, and without its claim of a type."""

    @classmethod
    def for_client(cls, client_id: int) -> "ClientToken":
        token = cls()
        fresh = token.payload
        # `iss` is added by simplejwt when it signs.
        token.payload = {
            "iat": fresh["iat"],
            "nbf": fresh["iat"],
            "exp": fresh["exp"],
            "jti": fresh["jti"],
            "sub": str(client_id),
        }
        return token

    def verify(self) -> None:
        """Signature, `iss`, `iat`, `nbf` and `exp` were checked by the decoder; a claim may still be missing."""
        super().verify()
        if self.payload.keys() != Claims.__annotations__.keys():
            raise TokenError("other claims than a client's token has")


def issue(client_id: int) -> IssuedToken:
    """A new token of a client."""
    token = ClientToken.for_client(client_id)
    return IssuedToken(access_token=str(token), expired_at=token["exp"])


def verify(token: str) -> Claims:
    """What a token says, if it is ours and in its time; whether it was revoked is another question.

    Raises Unauthenticated.
    """
    if len(token) > LONGEST or not token.isascii():
        raise Unauthenticated()
    try:
        claims = _decoded(token)
    except TokenError as error:
        raise Unauthenticated() from error
    if claims["exp"] <= time.time():
        raise Unauthenticated()
    return claims


@lru_cache(maxsize=10_000)
def _decoded(token: str) -> Claims:
    """The claims of a token that is ours. A good one is decoded once a process: only time can make it bad later."""
    payload: dict[str, Any] = ClientToken(cast(Any, token)).payload
    return cast(Claims, payload)
