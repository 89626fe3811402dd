"""Addresses, EIP-191, recovery and the EIP-4361 text."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from chain.development import personal_sign, wallet
from chain.signatures import ORDER, login_message, normalise_address, personal_digest, recover

ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.mark.parametrize("text", [ADDRESS, ADDRESS.lower(), "0x" + ADDRESS[2:].upper()])
def test_address_of_any_case_gets_its_checksum(text: str) -> None:
    assert normalise_address(text) == ADDRESS


@pytest.mark.parametrize(
    "text",
    [
        "",
        ADDRESS[2:],
        "0X" + ADDRESS[2:],
        ADDRESS[:-1],
        ADDRESS + "0",
        ADDRESS + "\n",
        " " + ADDRESS,
        ADDRESS[:-1] + "g",
        ADDRESS[:-1] + "６",  # full-width digit
        ADDRESS.replace("F", "f", 1),  # mixed case, wrong checksum
        None,
        123,
        ADDRESS.encode(),
    ],
)
def test_malformed_address_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="address"):
        normalise_address(text)


@given(st.text())
def test_personal_digest_is_the_one_that_wallets_sign(message: str) -> None:
    try:
        message.encode()
    except UnicodeEncodeError:
        return
    signed = Account.sign_message(encode_defunct(text=message), wallet(5).key)
    assert signed.message_hash == personal_digest(message)
    assert recover(personal_digest(message), "0x" + signed.signature.hex()) == wallet(5).address


@given(st.binary(min_size=65, max_size=65))
def test_recover_survives_any_65_bytes(raw: bytes) -> None:
    assert recover(personal_digest("hello"), "0x" + raw.hex()) != ADDRESS


def test_recover_takes_both_forms_of_v() -> None:
    digest = personal_digest("hello")
    signature = personal_sign(wallet(3).key, "hello")
    v = int(signature[-2:], 16)
    assert v in (27, 28)
    assert recover(digest, signature) == wallet(3).address
    assert recover(digest, f"{signature[:-2]}{v - 27:02x}") == wallet(3).address
    assert recover(digest, "0x" + signature[2:].upper()) == wallet(3).address
    assert recover(personal_digest("hello "), signature) != wallet(3).address


def test_recover_refuses_the_second_form_of_a_signature() -> None:
    signature = personal_sign(wallet(3).key, "hello")
    s, v = int(signature[66:130], 16), int(signature[130:], 16)
    twin = f"{signature[:66]}{ORDER - s:064x}{55 - v:02x}"
    assert recover(personal_digest("hello"), twin) is None


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "0x",
        "0x" + "00" * 65,
        "0x" + "ff" * 65,
        "0x" + "00" * 32 + "01" * 32 + "1b",  # r = 0
        "0x" + "01" * 32 + "00" * 32 + "1b",  # s = 0
        f"0x{ORDER:064x}" + "01" * 32 + "1b",  # r = order
        "0x" + "01" * 64 + "02",
        "0x" + "01" * 64 + "1d",
        "0x" + "01" * 64,
        "0x" + "01" * 66,
        "01" * 65,
        "0x" + "01" * 64 + "1b\n",
        "0x" + "zz" * 65,
        "0x" + "１" * 130,
        None,
        7,
        ["0x"],
    ],
)
def test_malformed_signature_recovers_nobody(signature: Any) -> None:
    assert recover(personal_digest("hello"), signature) is None


ISSUED = datetime(2026, 11, 23, 16, 0, 5, 999999, tzinfo=timezone(timedelta(hours=8)))
FIELDS: dict[str, Any] = {
    "domain": "soke.example:8000",
    "address": ADDRESS.lower(),
    "uri": "https://soke.example:8000/login",
    "chain_id": 31337,
    "nonce": "00112233445566778899aabbccddeeff00112233",
    "issued_at": ISSUED,
    "expires_at": ISSUED + timedelta(minutes=5),
    "statement": "Sign in to SOKE. This costs nothing.",
}
GOLDEN = """\
soke.example:8000 wants you to sign in with your Ethereum account:
0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266

Sign in to SOKE. This costs nothing.

URI: https://soke.example:8000/login
Version: 1
Chain ID: 31337
Nonce: 00112233445566778899aabbccddeeff00112233
Issued At: 2026-11-23T08:00:05Z
Expiration Time: 2026-11-23T08:05:05Z"""


def test_login_message_is_eip_4361() -> None:
    assert login_message(**FIELDS) == GOLDEN


def test_login_message_without_statement_keeps_both_empty_lines() -> None:
    without = GOLDEN.replace("Sign in to SOKE. This costs nothing.\n", "")
    assert login_message(**{**FIELDS, "statement": None}) == without
    assert f"{ADDRESS}\n\n\nURI: " in without


@pytest.mark.parametrize(
    "field",
    [
        {"domain": "soke.example\nURI: https://evil.example"},
        {"domain": "soke.example/path"},
        {"domain": ""},
        {"uri": "not absolute"},
        {"uri": "https://soke.example\n"},
        {"nonce": "short"},
        {"nonce": "0011223344556677 889"},
        {"statement": ""},
        {"statement": "two\nlines"},
        {"statement": "登录"},
        {"address": "0x12"},
        {"issued_at": ISSUED.replace(tzinfo=None)},
    ],
)
def test_login_message_takes_no_field_that_could_forge_another(field: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"EIP-4361|address|zone"):
        login_message(**{**FIELDS, **field})


@pytest.mark.parametrize("domain", ["127.0.0.1:8000", "[::1]:8000", "localhost", "www.soke.example"])
def test_login_message_takes_every_kind_of_host(domain: str) -> None:
    assert login_message(**{**FIELDS, "domain": domain}).startswith(f"{domain} wants you to sign in")


def test_times_in_the_text_are_utc() -> None:
    utc = {**FIELDS, "issued_at": ISSUED.astimezone(UTC)}
    assert login_message(**utc) == GOLDEN


def test_signatures_and_node_import_no_web3() -> None:
    script = "import sys, chain.apps, chain.signatures, chain.node; sys.exit('web3' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
