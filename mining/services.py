"""Opening and closing a client's mining. What a day shares is settled by `settlement`."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from common import sql
from common.errors import Refused
from ledger.accounts import ClientAccount
from ledger.queries import client_balances
from mining.models import Miner
from operations.halts import Kind as HaltKind
from operations.halts import refuse_halted


@transaction.atomic
def start_mining(*, client_id: int) -> Miner:
    """Opens a client's mining for `settings.POWER_SESSION_HOURS` from now (0: until it is stopped); again extends.

    Raises Refused `no_power` for who has neither pledge nor fund, however short they are held, and `halted`.
    """
    refuse_halted(HaltKind.ALL)
    balances = client_balances(client_id)
    if not balances[ClientAccount.PLEDGE] and not balances[ClientAccount.FUND_PRINCIPAL]:
        raise Refused(_("Mining needs a pledge or a fund."), "no_power")
    now = sql.database_time()
    hours = settings.POWER_SESSION_HOURS
    until = now + timedelta(hours=hours) if hours else None
    sql.execute(
        """
        INSERT INTO mining_miner AS m (client_id, opened_at, open_until) VALUES (%s, %s, %s)
        ON CONFLICT (client_id) DO UPDATE
        SET open_until = excluded.open_until, stopped_at = NULL,
            opened_at = CASE
                WHEN m.stopped_at IS NULL AND (m.open_until IS NULL OR m.open_until > excluded.opened_at)
                THEN m.opened_at ELSE excluded.opened_at
            END
        """,
        [client_id, now, until],
    )
    return Miner.objects.get(client_id=client_id)


def stop_mining(*, client_id: int) -> None:
    """Closes a client's mining; where it is not open that is no error."""
    sql.execute(
        "UPDATE mining_miner SET stopped_at = clock_timestamp() WHERE client_id = %s AND stopped_at IS NULL",
        [client_id],
    )
