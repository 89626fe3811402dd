"""What reads the ledger."""

from collections.abc import Iterator
from decimal import Decimal

from django.db.models import Q, QuerySet

from common import sql
from common.reconciliation import Difference, compare
from ledger.accounts import ClientAccount, account_id, account_name
from ledger.models import Account, Transfer


def balance(account: int) -> Decimal:
    """An account's balance; zero where it was never opened."""
    found = Account.objects.filter(id=account).values_list("balance", flat=True).first()
    return Decimal(0) if found is None else found


def client_balances(client_id: int) -> dict[ClientAccount, Decimal]:
    """All balances of a client, by kind."""
    first = account_id(client_id, ClientAccount.AVAILABLE)
    found = dict(Account.objects.filter(id__range=(first, first + 7)).values_list("id", "balance"))
    return {kind: found.get(account_id(client_id, kind), Decimal(0)) for kind in ClientAccount}


def totals_by_client(kind: ClientAccount) -> dict[int, Decimal]:
    """{client id: balance} of one kind of account, without empty ones."""
    return dict(Account.objects.filter(kind=int(kind)).exclude(balance=0).values_list("client_id", "balance"))


def differences() -> Iterator[Difference]:
    """Balances against transfers, the sum of all balances, the floor of the pool's result against pledges."""
    mismatched = sql.rows(
        """
        SELECT a.id, a.balance, coalesce(m.moved, 0)
        FROM ledger_account AS a
        FULL JOIN (
            SELECT account, sum(moved) AS moved
            FROM (
                SELECT debit_id AS account, -amount AS moved FROM ledger_transfer
                UNION ALL SELECT credit_id, amount FROM ledger_transfer
            ) AS moves
            GROUP BY account
        ) AS m ON m.account = a.id
        WHERE a.balance IS DISTINCT FROM coalesce(m.moved, 0)
        """
    )
    for account, found, moved in mismatched:
        yield Difference("ledger", f"{account_name(account)}: balance {found}, transfers {moved}")
    everything = sql.row("SELECT coalesce(sum(balance), 0) FROM ledger_account")
    yield from compare("ledger", "sum of all balances", Decimal(0), everything and everything[0])
    floor = sql.row(
        """
        SELECT floor + (SELECT coalesce(sum(balance), 0) FROM ledger_account WHERE kind = %s)
        FROM ledger_account WHERE kind = %s
        """,
        [int(ClientAccount.PLEDGE), Account.Kind.POOL_RESULT],
    )
    yield from compare("ledger", "floor of the pool's result plus all pledges", Decimal(0), floor and floor[0])


def movements(client_id: int) -> QuerySet[Transfer]:
    """All transfers into, out of and between a client's accounts, newest first."""
    first = account_id(client_id, ClientAccount.AVAILABLE)
    out = Q(debit_id__gte=first, debit_id__lt=first + 8)
    return Transfer.objects.filter(out | Q(credit_id__gte=first, credit_id__lt=first + 8)).order_by("-id")


def own_account(client_id: int, account: int) -> str | None:
    """`available`, `margin`, … where the account is the client's own, else None."""
    return ClientAccount(account % 8).name.lower() if account // 8 == client_id else None
