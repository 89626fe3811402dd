"""The compiled contracts are those of the sources beside them."""

import hashlib
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "contracts"


@pytest.mark.parametrize("name", ["TestUSDT", "TestWallet"])
def test_artefact_belongs_to_its_source(name: str) -> None:
    artefact = json.loads((FOLDER / f"{name}.json").read_text())
    source = (FOLDER / f"{name}.sol").read_bytes()
    assert artefact["sourceSha256"] == hashlib.sha256(source).hexdigest(), "run contracts/build.mjs"
    assert artefact["evmVersion"] == "paris"
    assert artefact["compiler"].startswith("0.8.37+")
