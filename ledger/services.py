"""The one door to balances."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from common import sql
from ledger.accounts import ClientAccount, account_id
from ledger.models import Transfer

Kind = Transfer.Kind


@dataclass(frozen=True, slots=True)
class Posting:
    """A transfer to be made: `amount` USDT (6 decimals, nothing happens at zero) from `debit` to `credit`.

    `reference` and `kind` together are the unique key of the cause.
    """

    debit: int
    credit: int
    amount: Decimal
    kind: str
    reference: str


def open_client(client_id: int) -> None:
    """Opens a client's accounts; again is no error."""
    ids = [account_id(client_id, kind) for kind in ClientAccount]
    sql.execute("INSERT INTO ledger_account (id) SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING", [ids])


def lock(accounts: Iterable[int]) -> dict[int, Decimal]:
    """Locks accounts until the transaction ends, in the order of their ids; their balances as they stand then."""
    found = sql.rows("SELECT account, amount FROM ledger_lock(%s::bigint[])", [sorted(set(accounts))])
    return dict(found)


def post(postings: Iterable[Posting]) -> None:
    """Makes transfers in one statement.

    Raises django.db.IntegrityError where a cause was posted before, an account does not exist, or a balance would
    fall below its floor; the transaction is then lost, as it must be.
    """
    rows = [posting for posting in postings if posting.amount]
    if not rows:
        return
    sql.execute(
        """
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, kind, reference)
        SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::numeric[], %s::text[], %s::text[])
        """,
        [
            [row.debit for row in rows],
            [row.credit for row in rows],
            [row.amount for row in rows],
            [str(row.kind) for row in rows],
            [row.reference for row in rows],
        ],
    )


def lock_found(accounts: str, parameters: sql.Parameters) -> None:
    """Locks the accounts whose ids a query finds, as `lock` does, without bringing them here."""
    sql.row(f"SELECT count(*) FROM ledger_lock(ARRAY({accounts}))", parameters)
