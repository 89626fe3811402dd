"""The daily settlement: a part of the incentive pool, shared among the open miners by power.

The first step fixes the pot and everybody's part, the following ones pay them in batches. So whatever changes
meanwhile (fees, pledges, miners), and however often the run dies, each part is paid once, and it is that part.
"""

from django.conf import settings
from django.db.models import QuerySet

from common import sql
from common.sockets import publish
from ledger import services as ledger
from ledger.accounts import PlatformAccount, available
from ledger.channels import BALANCE
from ledger.services import Kind, Posting, post
from mining import rules
from mining.models import PowerReward, PowerRun
from mining.powers import POWERS, parameters
from operations.models import JobRun

JOB = "power"
BATCH = 2000


def settle(run: JobRun) -> bool:
    """A step of the job: fixes a day's parts at the moment it runs, or pays the next of them."""
    found = PowerRun.objects.filter(day=run.day).first()
    if found is None:
        fixed = _fix(run)
        miners, parts = PowerReward.objects.filter(run=fixed).count(), _unpaid(fixed).exists()
        run.counts |= {"pot": str(fixed.pot), "power": str(fixed.total_power), "miners": miners, "paid": 0}
        return not parts
    run.counts["paid"] += _pay(found)
    return not _unpaid(found).exists()


def _unpaid(run: PowerRun) -> QuerySet[PowerReward]:
    return PowerReward.objects.filter(run=run, paid_at=None, amount__gt=0)


def _fix(job: JobRun) -> PowerRun:
    """The pot, and each open miner's power and part, of this moment, in one statement each."""
    pool = PlatformAccount.INCENTIVE_POOL
    held = ledger.lock([pool])[pool]
    moment = sql.database_time()
    run = PowerRun.objects.create(
        day=job.day,
        moment=moment,
        rate=settings.POWER_RATE,
        hours=settings.POWER_HOURS,
        pledge_weight=settings.POWER_PLEDGE_WEIGHT,
        fund_weight=settings.POWER_FUND_WEIGHT,
        incentive_pool=held,
        pot=rules.pot(held, settings.POWER_RATE),
        total_power=0,
    )
    sql.execute(
        f"""
        INSERT INTO mining_powerreward (run_id, client_id, power)
        SELECT %s, p.client_id, p.power
        FROM ({POWERS}) AS p JOIN mining_miner AS m ON m.client_id = p.client_id
        WHERE m.stopped_at IS NULL AND (m.open_until IS NULL OR m.open_until > %s)
        ORDER BY p.client_id
        """,
        [run.id, *parameters(moment), moment],
    )
    # `div` is exact: a quotient that is rounded could reach the next millionth. Millionths of power cancel out.
    sql.execute(
        """
        WITH everybody AS (
            UPDATE mining_powerrun
            SET total_power = (SELECT coalesce(sum(power), 0) FROM mining_powerreward WHERE run_id = %s)
            WHERE id = %s RETURNING id, pot, total_power
        )
        UPDATE mining_powerreward AS r
        SET amount = div(e.pot * 1000000 * r.power, e.total_power) * 0.000001
        FROM everybody AS e WHERE r.run_id = e.id
        """,
        [run.id, run.id],
    )
    run.refresh_from_db()
    return run


def _pay(run: PowerRun) -> int:
    """Pays the next parts by the ids of their clients; how many. Whoever was faster has paid them."""
    clients = list(_unpaid(run).order_by("client_id").values_list("client_id", flat=True)[:BATCH])
    ledger.lock([available(client) for client in clients])
    paid = sql.rows(
        """
        UPDATE mining_powerreward SET paid_at = clock_timestamp()
        WHERE run_id = %s AND client_id = ANY(%s) AND paid_at IS NULL
        RETURNING client_id, amount
        """,
        [run.id, clients],
    )
    pool = PlatformAccount.INCENTIVE_POOL
    post(
        Posting(pool, available(client), amount, Kind.POWER_REWARD, f"power:{run.day}:{client}")
        for client, amount in paid
    )
    publish.after_commit([client for client, _amount in paid], [BALANCE])
    return len(paid)
