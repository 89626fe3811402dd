"""Addresses, signed messages and who signed them. Needs no node, and imports none of web3."""

import re
from datetime import UTC, datetime

from eth_keys.backends.coincurve import CoinCurveECCBackend
from eth_keys.exceptions import BadSignature
from eth_keys.main import KeyAPI
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

# Named, so that a missing library is an error and not the 70 times slower fallback.
KEYS = KeyAPI(CoinCurveECCBackend())

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}")
_RECOVERY = {0: 0, 1: 1, 27: 0, 28: 1}

# What EIP-4361 and RFC 3986 allow in each field. None of it has a line break, so no field can forge another.
_DOMAIN = re.compile(r"(?:[A-Za-z0-9.~_%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~%-]+")
_STATEMENT = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~ -]+")
_NONCE = re.compile(r"[A-Za-z0-9]{8,}")


def normalise_address(text: str) -> str:
    """The address with its EIP-55 checksum.

    All lower-case, all upper-case, or mixed with the right checksum; anything else is a ValueError.
    """
    if not isinstance(text, str) or not _ADDRESS.fullmatch(text):
        raise ValueError("not an address")
    checksummed = to_checksum_address(text.lower())
    digits = text[2:]
    if text != checksummed and digits not in (digits.lower(), digits.upper()):
        raise ValueError("wrong address checksum")
    return str(checksummed)


def personal_digest(message: str) -> bytes:
    """The 32 bytes that a wallet signs for `personal_sign(message)` (EIP-191, version 0x45)."""
    body = message.encode()
    return keccak(b"\x19Ethereum Signed Message:\n%d" % len(body) + body)


def recover(digest: bytes, signature_text: str) -> str | None:
    """The EIP-55 address that signed `digest`, or None where the signature is none.

    `signature_text` is 0x and 130 hex digits (r, s, v), v one of 0, 1, 27, 28. The second form that every
    signature has (s in the upper half of the order, EIP-2) is refused.
    """
    if not isinstance(signature_text, str) or not _SIGNATURE.fullmatch(signature_text):
        return None
    raw = bytes.fromhex(signature_text[2:])
    r, s, v = int.from_bytes(raw[:32]), int.from_bytes(raw[32:64]), _RECOVERY.get(raw[64])
    if v is None or not 0 < r < ORDER or not 0 < s <= ORDER // 2:
        return None
    try:
        public_key = KEYS.ecdsa_recover(digest, KEYS.Signature(vrs=(v, r, s)))
    except BadSignature:
        return None
    return str(public_key.to_checksum_address())


def login_message(
    domain: str,
    address: str,
    uri: str,
    chain_id: int,
    nonce: str,
    issued_at: datetime,
    expires_at: datetime,
    statement: str | None = None,
) -> str:
    """The text that a wallet shows and signs at sign-in: EIP-4361, version 1.

    `domain` is a host with an optional port, `uri` an absolute URI, times are aware and written in UTC to the
    second. `statement` is a line of ASCII as EIP-4361 has it (no quotes, no other scripts). A field that its
    grammar does not allow is a ValueError.
    """
    for name, value, allowed in (
        ("domain", domain, _DOMAIN),
        ("uri", uri, _URI),
        ("nonce", nonce, _NONCE),
        ("statement", statement, _STATEMENT),
    ):
        if value is not None and not allowed.fullmatch(value):
            raise ValueError(f"{name} is not what EIP-4361 allows")
    return "\n".join(
        [
            f"{domain} wants you to sign in with your Ethereum account:",
            normalise_address(address),
            "",
            *([] if statement is None else [statement]),
            "",
            f"URI: {uri}",
            "Version: 1",
            f"Chain ID: {chain_id:d}",
            f"Nonce: {nonce}",
            f"Issued At: {_rfc3339(issued_at)}",
            f"Expiration Time: {_rfc3339(expires_at)}",
        ]
    )


def _rfc3339(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
