"""What the back office's pages ask of the database, with 100,000 rows behind them: no row costs a query."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from backoffice import samples
from contracts.tests.desk import Desk
from tests.test_admin import REGISTERED, page

ROWS = 100_000

# The session and its renewal, the operator, the device, the rights of an operator that is no superuser: nothing here.
PINNED: dict[str, int] = {}
_MOST = 14
_DASHBOARD = 34
_CLIENT = 16


@pytest.fixture
def crowd(db: None) -> Desk:
    """Clients, accounts, movements, orders, positions and payments by the hundred thousand, as SQL."""
    desk = Desk()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_client (id, address)
            SELECT 1000000 + n, '0x' || lpad(to_hex(n + 4096), 40, '0') FROM generate_series(1, %s) AS n
            """,
            [ROWS],
        )
        cursor.execute(
            "INSERT INTO ledger_account (id) SELECT (1000000 + n) * 8 FROM generate_series(1, %s) AS n", [ROWS]
        )
        cursor.execute(
            """
            INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
            SELECT 4611686018427387904, (1000000 + n) * 8, 1, 'deposit', 'crowd:' || n FROM generate_series(1, %s) AS n
            """,
            [ROWS],
        )
        cursor.execute(
            """
            INSERT INTO contracts_order (client_id, index_id, kind, direction, price_type, price, lever, volume, status)
            SELECT 1000000 + n, %s, 'open', 1, 'limit', 900, 20, 1, (ARRAY['pending', 'cancelled'])[1 + n %% 2]
            FROM generate_series(1, %s) AS n
            """,
            [desk.index.id, ROWS],
        )
        cursor.execute(
            """
            INSERT INTO payments_paymentorder (client_id, no, purpose, amount, created_at, expires_at, status)
            SELECT 1000000 + n, 'ZHCZ' || lpad(n::text, 15, '0'), 'ZHCZ', 1, now(), now(), 0
            FROM generate_series(1, %s) AS n
            """,
            [ROWS],
        )
        # Plans of foreign keys that this connection made while the tables were empty read them whole for each row.
        cursor.execute("DISCARD PLANS")
    samples.take_sample()
    samples.sum_up_lately()
    return desk


def count(browser: Browser, path: str, query: dict[str, Any] | None = None) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert browser.get(path, query or {}).status_code == 200, path
    return len(asked)


def test_no_list_costs_a_query_a_row(crowd: Desk, admin_client: Browser) -> None:
    admin_client.get("/admin/")
    costs = {model._meta.label: count(admin_client, page(model, "changelist")) for model in REGISTERED}
    assert {label: cost for label, cost in costs.items() if cost > PINNED.get(label, _MOST)} == {}


def test_the_dashboard_costs_the_same_whatever_is_behind_it(crowd: Desk, admin_client: Browser) -> None:
    admin_client.get("/admin/")
    assert count(admin_client, "/admin/") <= _DASHBOARD
    with CaptureQueriesContext(connection) as asked:
        admin_client.get("/admin/")
    # Nothing is read as a whole: the longest of these tables are found by an index.
    statements = [q["sql"] for q in asked if q["sql"].startswith("SELECT")]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute("EXPLAIN " + statement)
            plan = "\n".join(line for (line,) in cursor.fetchall())
            for table in ("ledger_transfer", "contracts_order", "accounts_client", "payments_paymentorder"):
                assert f"Seq Scan on {table}" not in plan, statement


def test_a_clients_page_finds_its_movements_by_index(crowd: Desk, admin_client: Browser) -> None:
    # Content types are looked up once a process.
    admin_client.get("/admin/accounts/client/1000499/change/")
    assert count(admin_client, "/admin/accounts/client/1000500/change/") <= _CLIENT


def test_an_export_is_read_in_parts(crowd: Desk, admin_client: Browser) -> None:
    response = admin_client.get("/admin/export/accounts/client/")
    assert int(response["X-Total-Rows"]) > ROWS
    lines = sum(part.count(b"\r\n") for part in response.streaming_content)
    assert lines == 1 + int(response["X-Total-Rows"])
