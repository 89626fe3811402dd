"""Everything that must hold in the books, checked against one snapshot of the database."""

from django.db import connection, transaction

from common.reconciliation import Difference, checks


def reconcile() -> list[Difference]:
    """Runs every app's checks; what does not add up. Must not be called inside a transaction."""
    found: list[Difference] = []
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            # Several statements that have to agree with each other must see the same moment.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for check in checks().values():
            found.extend(check())
    return found


def reconcile_settled() -> list[Difference]:
    """As `reconcile`, asked again, twice at most, while nothing but the chain's holdings differ.

    The chain is read after the books' snapshot: what a payout moved in between is no difference.
    """
    for _again in range(2):
        found = reconcile()
        wrong = {difference.check for difference in found if not difference.warning}
        if wrong != {"chain holdings"}:
            return found
    return reconcile()
