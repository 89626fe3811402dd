"""What PostgreSQL keeps of the ledger: through the service, and against raw SQL."""

import io
import threading
from decimal import Decimal

import pytest
from django.db import IntegrityError, ProgrammingError, connection, connections, transaction
from django.db.utils import InternalError

from common import sql
from ledger import accounts, queries
from ledger.accounts import PlatformAccount
from ledger.services import Posting, lock, open_client, post

CUSTODY, POOL = PlatformAccount.CUSTODY, PlatformAccount.POOL_RESULT


def deposit(client: int, amount: str, reference: str) -> None:
    post([Posting(CUSTODY, accounts.available(client), Decimal(amount), "deposit", reference)])


@pytest.fixture
def client(db) -> int:
    open_client(7)
    deposit(7, "100", "deposit:1")
    return 7


def balances(client: int) -> tuple[Decimal, Decimal]:
    return queries.balance(accounts.available(client)), queries.balance(CUSTODY)


def test_a_transfer_moves_both_balances(client):
    assert balances(7) == (Decimal(100), Decimal(-100))
    assert not list(queries.differences())


def test_a_cause_moves_money_once(client):
    with pytest.raises(IntegrityError), transaction.atomic():
        deposit(7, "100", "deposit:1")
    assert balances(7) == (Decimal(100), Decimal(-100))


def test_no_balance_falls_below_zero(client):
    with pytest.raises(IntegrityError, match="not_below_floor"), transaction.atomic():
        post([Posting(accounts.available(7), accounts.margin(7), Decimal("100.000001"), "margin", "order:1")])
    assert balances(7) == (Decimal(100), Decimal(-100))


def test_the_pool_may_lose_what_is_pledged_and_no_more(client):
    post([Posting(CUSTODY, accounts.pledge(7), Decimal(50), "pledge", "pledge:1")])
    post([Posting(POOL, accounts.available(7), Decimal(50), "profit", "close:1")])
    with pytest.raises(IntegrityError, match="not_below_floor"), transaction.atomic():
        post([Posting(POOL, accounts.available(7), Decimal("0.000001"), "profit", "close:2")])
    with pytest.raises(IntegrityError, match="not_below_floor"), transaction.atomic():
        post([Posting(accounts.pledge(7), accounts.available(7), Decimal(1), "release", "leave:1")])
    assert not list(queries.differences())


@pytest.mark.parametrize("rows", [3, 200])
def test_small_and_large_statements_move_the_same(client, rows):
    for n in range(8, 8 + rows):
        open_client(n)
    post(
        [
            Posting(accounts.available(7), accounts.available(8 + n), Decimal("0.1"), "reversal", f"x:{n}")
            for n in range(rows)
        ]
    )
    assert queries.balance(accounts.available(7)) == Decimal(100) - rows * Decimal("0.1")
    post([Posting(CUSTODY, accounts.pledge(8 + n), Decimal(2), "pledge", f"p:{n}") for n in range(rows)])
    assert not list(queries.differences())
    with pytest.raises(IntegrityError, match="not exist"), transaction.atomic():
        post([Posting(CUSTODY, accounts.available(10**6 + n), Decimal(1), "deposit", f"d:{n}") for n in range(rows)])


FORBIDDEN = [
    "UPDATE ledger_transfer SET amount = 1",
    "UPDATE ledger_transfer SET amount = amount WHERE false",
    "DELETE FROM ledger_transfer",
    "TRUNCATE ledger_transfer",
    "TRUNCATE ledger_transfer, ledger_account CASCADE",
    "MERGE INTO ledger_transfer USING (SELECT 1 AS n) AS s ON true WHEN MATCHED THEN DELETE",
    "UPDATE ledger_account SET balance = 1000000 WHERE id = 56",
    "UPDATE ledger_account SET floor = -1000000 WHERE id = 56",
    "UPDATE ledger_account SET id = 57000 WHERE id = 56",
    "DELETE FROM ledger_account",
    "TRUNCATE ledger_account",
    "INSERT INTO ledger_account (id, balance) VALUES (8000, 5)",
    "INSERT INTO ledger_account (id, floor) VALUES (8000, -5)",
    "INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference) VALUES (56, 57, 100.000001, 'x', 'x')",
    "INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference) VALUES (57, 56, -1, 'x', 'x')",
    "INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference) VALUES (56, 56, 1, 'x', 'x')",
    "INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference) VALUES (57, 56, 'NaN', 'x', 'x')",
    "INSERT INTO ledger_account (id) VALUES (-8)",
    "INSERT INTO ledger_account (id) VALUES (62)",
    "INSERT INTO ledger_account (id) VALUES (4611686018427387911)",
]
# The owner of a table could do these; the application's role may not.
FORBIDDEN_TO_THE_APPLICATION = [
    "ALTER TABLE ledger_transfer DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
]


@pytest.mark.parametrize(
    ("role", "statement"),
    [(role, text) for role in ("default", "owner") for text in FORBIDDEN]
    + [("default", text) for text in FORBIDDEN_TO_THE_APPLICATION],
)
def test_raw_sql_is_refused(committed, role, statement):
    open_client(7)
    deposit(7, "100", "deposit:1")
    with (
        pytest.raises((IntegrityError, ProgrammingError, InternalError)),
        transaction.atomic(using=role),
        connections[role].cursor() as cursor,
    ):
        cursor.execute(statement)
    assert balances(7) == (Decimal(100), Decimal(-100))
    assert not list(queries.differences())


def test_a_trigger_of_ones_own_does_not_help(committed):
    """The guard trusts what comes from a trigger; the application's role could make one on a temporary table."""
    open_client(7)
    deposit(7, "100", "deposit:1")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE door (id int)")
        cursor.execute(
            "CREATE FUNCTION pg_temp.push() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN UPDATE ledger_account SET balance = 1000000 WHERE id = 56; RETURN NEW; END $$"
        )
        cursor.execute("CREATE TRIGGER door AFTER INSERT ON door FOR EACH ROW EXECUTE FUNCTION pg_temp.push()")
        with pytest.raises(ProgrammingError, match="permission denied"):
            cursor.execute("INSERT INTO door VALUES (1)")
    assert balances(7) == (Decimal(100), Decimal(-100))


def test_nor_does_the_ledgers_own_trigger_on_another_table(committed):
    """`ledger_apply` moves balances; on a temporary table it would do so without a transfer."""
    open_client(7)
    deposit(7, "100", "deposit:1")
    statements = """
        CREATE TEMPORARY TABLE door (debit_id bigint, credit_id bigint, amount numeric);
        CREATE TRIGGER door AFTER INSERT ON door REFERENCING NEW TABLE AS added
            FOR EACH STATEMENT EXECUTE FUNCTION public.ledger_apply();
        INSERT INTO door VALUES (56, 57, 100);
    """
    for role, refusal in (("default", "permission denied"), ("owner", "transfers alone")):
        with transaction.atomic(using=role), connections[role].cursor() as cursor:
            with pytest.raises(ProgrammingError, match=refusal):
                cursor.execute(statements)
            transaction.set_rollback(True, using=role)
    assert balances(7) == (Decimal(100), Decimal(-100))


def test_copy_moves_balances_too(committed):
    open_client(7)
    open_client(8)
    deposit(7, "100", "deposit:1")
    with connection.cursor() as cursor:
        cursor.copy_expert(
            "COPY ledger_transfer (debit_id, credit_id, amount, kind, reference) FROM STDIN",
            io.StringIO("56\t64\t1.5\treversal\ta\n56\t64\t2.5\treversal\tb\n"),
        )
    assert queries.balance(64) == Decimal(4)
    assert not list(queries.differences())


def test_opposite_transfers_at_once_do_not_deadlock(committed):
    for client in (7, 8):
        open_client(client)
        deposit(client, "1000", f"deposit:{client}")
    failures: list[BaseException] = []

    def work(thread: int) -> None:
        pair = (accounts.available(7), accounts.available(8))
        debit, credit = pair if thread % 2 else pair[::-1]
        try:
            for n in range(100):
                post([Posting(debit, credit, Decimal("0.5"), "reversal", f"{thread}:{n}")])
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sql.row("SELECT count(*) FROM ledger_transfer") == (602,)
    assert not list(queries.differences())


def test_a_lock_is_held_until_commit(committed):
    open_client(7)
    deposit(7, "100", "deposit:1")
    order: list[str] = []

    def other() -> None:
        with transaction.atomic():
            found = lock([56])
            order.append(f"other saw {found[56]}")
        connection.close()

    with transaction.atomic():
        assert lock([56]) == {56: Decimal(100)}
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.3)
        post([Posting(56, 57, Decimal(40), "margin", "order:1")])
        order.append("mine")
    thread.join()
    assert order == ["mine", "other saw 60.000000"]
