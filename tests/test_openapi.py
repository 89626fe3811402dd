"""OpenAPI: valid, complete, and a page that asks nobody else."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import call_command
from django.test import Client

from tests.test_envelope import EITHER, OPEN, POSTS
from tests.test_parity import routed


@pytest.fixture(autouse=True)
def without_static_files(settings: Any) -> None:
    """Here they are wanted."""
    settings.WHITENOISE_USE_FINDERS = True


def schema() -> dict[str, Any]:
    response = Client().get("/api/schema")
    assert response.status_code == 200
    found: dict[str, Any] = orjson.loads(response.content)
    return found


def test_it_is_valid_and_nothing_was_guessed(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))


def test_every_call_is_in_it() -> None:
    paths = schema()["paths"]
    assert {path.removeprefix("/api/v1/") for path in paths} == routed()
    for path, operations in paths.items():
        call = path.removeprefix("/api/v1/")
        assert list(operations) == (["get", "post"] if call in EITHER else ["post" if call in POSTS else "get"])
        for operation in operations.values():
            assert operation["description"], path
            assert {"200", "400", "401", "429"} <= operation["responses"].keys()
            signed_in = call not in {*OPEN, "auth/nonce", "auth/token"}
            assert ({} in operation.get("security", [{}])) != signed_in, path


def test_what_a_call_takes_is_named() -> None:
    found = schema()
    order = found["components"]["schemas"]["OrderForm"]
    assert set(order["required"]) == {"id", "direction", "price_type", "volume"}
    assert set(order["properties"]) == {"id", "direction", "price_type", "volume", "price"}
    operation = found["paths"]["/api/v1/contract/order/create"]["post"]
    names = [parameter["name"] for parameter in operation.get("parameters", [])]
    assert names == ["Idempotency-Key"]
    pages = found["paths"]["/api/v1/contract/orders"]["get"]["parameters"]
    assert {parameter["name"] for parameter in pages} == {"page", "per_page", "status"}


def test_the_page_reaches_nobody_outside() -> None:
    client = Client()
    page = client.get("/api/docs")
    assert page.status_code == 200
    text = page.content.decode()
    assert re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//""", text) == []
    assets = re.findall(r"""(?:src|href)\s*=\s*["'](/static/[^"'?]+)""", text)
    assert any(asset.endswith("swagger-ui-bundle.js") for asset in assets)
    for asset in assets:
        assert client.get(asset).status_code == 200, asset
