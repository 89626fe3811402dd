"""What a socket's handshake says: the token, the language."""

from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header


def _header(scope: dict[str, Any], name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name), "")


def take_token(scope: dict[str, Any]) -> str | None:
    """The token of the `Authorization` header or of `?token=`, None without either.

    It is taken out of the scope, so that no server writes it into a log.
    """
    query: dict[str, list[str]] = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    scope["query_string"] = b""
    header = _header(scope, b"authorization")
    if header:
        kind, _, token = header.partition(" ")
        # Whatever is no bearer token is refused as a bad one.
        return token.strip() if kind.lower() == "bearer" else ""
    return query["token"][0] if "token" in query else None


def language(scope: dict[str, Any]) -> str:
    """The best language of `Accept-Language`, Chinese by default."""
    for code, _quality in parse_accept_lang_header(_header(scope, b"accept-language")[:500]):
        try:
            return str(get_supported_language_variant(code))
        except LookupError:
            continue
    return str(settings.LANGUAGE_CODE)
