"""Sign-in by wallet signature, and the ends of tokens."""

import re
import secrets
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import tokens
from accounts.models import Client, Nonce, RevokedToken
from accounts.tokens import Claims, IssuedToken
from chain.node import NodeError, node
from chain.signatures import login_message, personal_digest, recover
from common.errors import Refused, Unauthenticated
from common.sockets import publish
from ledger import services as ledger

NONCE_LIFETIME = timedelta(minutes=5)
# How many live nonces of an address one sign-in is tried against, and how many of them its contract is asked about.
MOST_NONCES = 200
MOST_NONCES_OF_CONTRACT = 20

# What a contract may be asked about; anything else never reaches the node.
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


def issue_nonce(*, address: str, ip: str) -> Nonce:
    """A nonce to be signed by the wallet `address` (EIP-55) within 5 minutes. Others of the same address stay."""
    nonce = secrets.token_hex(20)
    issued_at = timezone.now()
    expires_at = issued_at + NONCE_LIFETIME
    message = login_message(
        domain=settings.SITE_DOMAIN,
        address=address,
        uri=settings.SITE_URL,
        chain_id=settings.CHAIN_ID,
        nonce=nonce,
        issued_at=issued_at,
        expires_at=expires_at,
        # EIP-4361 allows nothing but ASCII here, so this line has no translation.
        statement="Sign in to SOKE.",
    )
    return Nonce.objects.create(
        nonce=nonce, address=address, message=message, ip=ip, expires_at=expires_at, created_at=issued_at
    )


def sign_in(*, address: str, signature: str, ip: str) -> IssuedToken:
    """A token for who signed one of the live nonces of `address` (EIP-55); the first one creates the client.

    `signature` is 0x and hex: the wallet's own (EIP-191) or what its contract takes for its own (EIP-1271).
    Raises Unauthenticated where it is wrong, late or was used before; a wrong one uses no nonce up. Raises Refused
    `chain_unavailable` where only the contract could tell and the node cannot be reached.
    """
    signed = _signed_nonce(address, signature, ip)
    if signed is None:
        raise Unauthenticated()
    with transaction.atomic():
        # Who deletes the row has used the nonce; whoever comes second deletes nothing.
        used, _per_model = Nonce.objects.filter(nonce=signed).delete()
        if not used:
            raise Unauthenticated()
        client = open_client(address=address)
        Client.objects.filter(id=client.id).update(last_sign_in_at=timezone.now())
    return tokens.issue(client.id)


def open_client(*, address: str) -> Client:
    """The client of a wallet address (EIP-55), created with its ledger accounts where there is none yet."""
    with transaction.atomic():
        client, created = Client.objects.get_or_create(address__iexact=address, defaults={"address": address})
        if created:
            ledger.open_client(client.id)
    return client


def sign_out(claims: Claims) -> None:
    """Ends a token before its time; again is no error."""
    _revoke(claims)


def refresh(claims: Claims) -> IssuedToken:
    """A new token for a valid one, which ends. Of two at once one wins, the other raises Unauthenticated."""
    if not _revoke(claims):
        raise Unauthenticated()
    return tokens.issue(int(claims["sub"]))


def _signed_nonce(address: str, signature: str, ip: str) -> str | None:
    """The live nonce of `address` that was signed, or None.

    Those that were asked for from the same IP come first, then the newest: a stranger who asks for nonces of this
    address only adds to the end.
    """
    live = Nonce.objects.filter(address=address, expires_at__gt=timezone.now()).order_by("-expires_at")
    fields = live.values_list("nonce", "message")
    found = list(fields.filter(ip=ip)[:MOST_NONCES])
    found += fields.exclude(ip=ip)[: MOST_NONCES - len(found)]
    forms = [(nonce, personal_digest(form)) for nonce, message in found for form in (message, nonce)]
    for nonce, digest in forms:
        if recover(digest, signature) == address:
            return nonce
    return _contract_signed_nonce(address, signature, forms[: 2 * MOST_NONCES_OF_CONTRACT])


def _contract_signed_nonce(address: str, signature: str, forms: list[tuple[str, bytes]]) -> str | None:
    if not forms or not _HEX.fullmatch(signature):
        return None
    try:
        chain = node()
        if not chain.has_code(address):
            return None
        return next((nonce for nonce, digest in forms if chain.is_valid_signature(address, digest, signature)), None)
    except NodeError as error:
        raise Refused(_("The chain cannot be reached. Please try again later."), "chain_unavailable") from error


def _revoke(claims: Claims) -> bool:
    """Whether the token was still valid; its sockets are told after commit."""
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    with transaction.atomic():
        _token, revoked = RevokedToken.objects.get_or_create(jti=claims["jti"], defaults={"expires_at": expires_at})
        if revoked:
            client_id, jti = int(claims["sub"]), claims["jti"]
            transaction.on_commit(lambda: publish.token_ended(client_id, jti))
    return revoked
