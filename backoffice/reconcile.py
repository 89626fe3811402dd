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
