"""The application's role may read the ledger, open accounts and add transfers. No more."""

from typing import Any

from django.conf import settings
from django.db import connections


def narrow(using: str, **_: Any) -> None:
    """After every migration by the owner: narrows what the application's role may do to the ledger's tables.

    Where both are one role there is nothing to narrow, and the triggers alone keep the ledger.
    """
    role = settings.DATABASES["default"]["USER"]
    if using != "owner" or role == settings.DATABASES["owner"]["USER"]:
        return
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass('ledger_account')")
        if cursor.fetchone() == (None,):
            return  # a migration that stopped before the ledger's
        name = connections[using].ops.quote_name(role)
        cursor.execute(f"REVOKE ALL ON ledger_account, ledger_transfer FROM {name}")
        cursor.execute(
            f"REVOKE EXECUTE ON FUNCTION ledger_apply(), ledger_refuse(), ledger_guard_account() FROM {name}"
        )
        cursor.execute(f"GRANT SELECT, INSERT (id) ON ledger_account TO {name}")
        cursor.execute(
            f"GRANT SELECT, INSERT (debit_id, credit_id, amount, kind, reference) ON ledger_transfer TO {name}"
        )
