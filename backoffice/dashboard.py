"""The back office's first page: what the platform is worth, what is open, what waits, and whether it runs.

Everything comes from small tables or their indexes; what would need a look through the ledger is summed up by a job
(samples.py).
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.charts import Series, bar_chart, line_chart
from backoffice.models import DayFlow, Sample
from common import sql
from common.money import ZERO, format_price
from common.times import SHANGHAI
from contracts.models import MOST_ATTEMPTS, DayVolume, Order, Position
from indexes.models import Index, Leadership
from ledger.accounts import PlatformAccount
from ledger.models import Account, Transfer
from market_making.models import Exposure, Pool
from operations import runs
from operations.admin import WHAT_JOBS_DO
from operations.models import Alert, Approval, Halt, JobRun
from payments.models import ChainTransfer, ScanCursor, Withdrawal

DAYS = 14
_FEES = {Transfer.Kind.FEE_POOL, Transfer.Kind.FEE_INCENTIVE, Transfer.Kind.FEE_REVENUE}


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure, and where more of it stands."""

    label: str
    value: str
    link: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line of "what runs": how it is, and whether that is bad."""

    name: str
    state: str
    bad: bool


def callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's hook. Who may not see the ledger sees no figures of it."""
    may: Any = request.user
    if not may.has_perm("ledger.view_account"):
        return context
    now = timezone.now().astimezone(SHANGHAI)
    days = [now.date() - timedelta(days=back) for back in reversed(range(DAYS))]
    flows = _flows(days)
    return {
        **context,
        "office": {
            "figures": _figures(flows, days[-1]),
            "queues": _queues(),
            "charts": [chart for chart in [_pool_chart(now), *_day_charts(days, flows)] if chart is not None],
            "exposures": _exposures(),
            "running": [*_engines(now), _chain(now), *_jobs()],
        },
    }


def money(value: Decimal) -> str:
    return f"{value:,.2f}"


def _link(model: str, **query: str) -> str:
    app, name = model.split(".")
    path = reverse(f"admin:{app}_{name}_changelist")
    return f"{path}?{'&'.join(f'{key}={value}' for key, value in query.items())}" if query else path


def _flows(days: list[date]) -> dict[str, dict[date, Decimal]]:
    found: dict[str, dict[date, Decimal]] = defaultdict(dict)
    for kind, day, amount in DayFlow.objects.filter(day__gte=days[0]).values_list("kind", "day", "amount"):
        found[kind][day] = amount
    return found


def _figures(flows: dict[str, dict[date, Decimal]], today: date) -> list[Tile]:
    accounts = Account.objects.filter(id__gte=int(PlatformAccount.CUSTODY)).only("id", "balance", "floor")
    platform = {account.pk: account for account in accounts}
    result = platform[int(PlatformAccount.POOL_RESULT)]
    pool = Pool.objects.only("reserved").get()
    fees = sum((flows[kind].get(today, ZERO) for kind in _FEES), ZERO)

    def balance(account: PlatformAccount) -> Decimal:
        return platform[int(account)].balance if int(account) in platform else ZERO

    pools = _link("market_making.pool")
    ledger = _link("ledger.account")
    deposits, withdrawals = (
        money(flows[kind].get(today, ZERO)) for kind in (Transfer.Kind.DEPOSIT, Transfer.Kind.WITHDRAWAL)
    )
    return [
        Tile(_("Pool equity"), money(result.balance - (result.floor or ZERO)), pools),
        Tile(_("Reserved for winners"), money(pool.reserved), pools),
        Tile(_("Incentive pool"), money(balance(PlatformAccount.INCENTIVE_POOL)), ledger),
        Tile(_("Revenue"), money(balance(PlatformAccount.FEE_REVENUE)), ledger),
        Tile(_("On-chain holdings booked"), money(-balance(PlatformAccount.CUSTODY)), ledger),
        Tile(_("Fees today"), money(fees), _link("ledger.transfer")),
        Tile(_("Deposits today"), deposits, _link("payments.chaintransfer")),
        Tile(_("Withdrawals today"), withdrawals, _link("ledger.transfer")),
    ]


def _queues() -> list[Tile]:
    parked = Q(attempts__gte=MOST_ATTEMPTS)
    unmatched = ChainTransfer.objects.filter(status="unmatched", resolution="")
    found: list[tuple[str, QuerySet[Any], str, dict[str, str]]] = [
        (
            _("Approvals that wait"),
            Approval.objects.filter(status="pending"),
            "operations.approval",
            {"status__exact": "pending"},
        ),
        (
            _("Withdrawals to review"),
            Withdrawal.objects.filter(status="review"),
            "payments.withdrawal",
            {"status__exact": "review"},
        ),
        (
            _("Unmatched payments"),
            unmatched,
            "payments.chaintransfer",
            {"status__exact": "unmatched", "resolution__exact": ""},
        ),
        (_("Parked orders"), Order.objects.filter(parked, status="pending"), "contracts.order", {"parked": "1"}),
        (_("Parked positions"), Position.objects.filter(parked, closed_at=None), "contracts.position", {"parked": "1"}),
        (_("Job runs that wait"), JobRun.objects.exclude(state__in=["done", "missed"]), "operations.jobrun", {}),
        (_("Halts in force"), Halt.objects.filter(lifted_at=None), "operations.halt", {"lifted_at__isempty": "1"}),
        (_("Alerts not sent"), Alert.objects.filter(sent_at=None), "operations.alert", {}),
    ]
    counts = [(label, waiting.count(), _link(model, **query)) for label, waiting, model, query in found]
    return [Tile(label, str(count), link, count > 0) for label, count, link in counts]


def _pool_chart(now: datetime) -> Any:
    """Equity and reserved of the last 24 hours, a point every 10 minutes."""
    since = now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0) - timedelta(hours=24)
    samples = Sample.objects.filter(at__gte=since).order_by("at").values_list("at", "equity", "reserved")
    found = {int((at - since).total_seconds()) // 600: (equity, reserved) for at, equity, reserved in samples}
    if not found:
        return None
    places = range(145)
    labels = [(since + timedelta(minutes=10 * place)).strftime("%m-%d %H:%M") for place in places]
    equity = [found[place][0] if place in found else None for place in places]
    reserved = [found[place][1] if place in found else None for place in places]
    title = _("Pool equity and reserved, 24 hours, USDT")
    return line_chart(title, labels, [Series(_("equity"), equity), Series(_("reserved"), reserved)])


def _day_charts(days: list[date], flows: dict[str, dict[date, Decimal]]) -> list[Any]:
    labels = [f"{day:%m-%d}" for day in days]
    volumes: dict[date, Decimal] = defaultdict(Decimal)
    for day, volume in DayVolume.objects.filter(day__gte=days[0]).values_list("day", "volume"):
        volumes[day] += volume

    def of(kind: str) -> list[Decimal]:
        return [flows[kind].get(day, ZERO) for day in days]

    fees = [sum((flows[kind].get(day, ZERO) for kind in _FEES), ZERO) for day in days]
    paid = [Series(_("deposits"), of(Transfer.Kind.DEPOSIT)), Series(_("withdrawals"), of(Transfer.Kind.WITHDRAWAL))]
    return [
        bar_chart(_("Volume by day, contracts"), labels, [Series(_("volume"), [volumes[day] for day in days])]),
        bar_chart(_("Fees by day, USDT"), labels, [Series(_("fees"), fees)]),
        bar_chart(_("Deposits and withdrawals by day, USDT"), labels, paid),
    ]


def _exposures() -> list[dict[str, Any]]:
    """Each index's open interest in both directions at its last price, the net of it, and traders' result."""
    sides: dict[int, dict[int, Exposure]] = defaultdict(dict)
    for row in Exposure.objects.all():
        sides[row.index_id][row.direction] = row
    found = []
    for index in Index.objects.select_related("state"):
        last = index.state.last_price or ZERO
        buy, sell = (sides[index.pk].get(direction) for direction in (1, -1))
        long, short = (last * row.quantity if row else ZERO for row in (buy, sell))
        result = sum((row.direction * (last * row.quantity - row.notional) for row in (buy, sell) if row), ZERO)
        found.append(
            {
                "index": index,
                "last": "-" if index.state.last_price is None else format_price(index.state.last_price),
                "stale": index.state.stale_reason if index.state.stale else "",
                "long": money(long),
                "short": money(short),
                "net": money(long - short),
                "result": money(result),
                "part": min(100, int(max(long, short) * 100 / (index.max_open_interest or 1))),
            }
        )
    return found


def _engines(now: datetime) -> list[Row]:
    rows = []
    for engine in Leadership.objects.order_by("shard"):
        age = (now - engine.heartbeat_at).total_seconds()
        bad = age > 5
        state = _("last heartbeat %(seconds)s s ago, %(skipped)s seconds skipped, %(failures)s failed executions") % {
            "seconds": f"{max(age, 0):.0f}",
            "skipped": engine.skipped,
            "failures": engine.failures,
        }
        rows.append(Row(_("Engine %(name)s") % {"name": engine.shard}, state, bad))
    return rows or [Row(_("Engine"), _("none has led yet"), True)]


def _chain(now: datetime) -> Row:
    cursor = ScanCursor.objects.order_by("-updated_at").first()
    if cursor is None:
        return Row(_("Chain"), _("not scanned yet"), True)
    age = (now - cursor.updated_at).total_seconds()
    seconds = f"{max(age, 0):.0f}"
    state = _("block %(number)s, read %(seconds)s s ago") % {"number": cursor.block_number, "seconds": seconds}
    return Row(_("Chain"), state, age > 60)


def _jobs() -> list[Row]:
    """The newest run of each job that settles, and jobs that are stopped."""
    rows = []
    for run in JobRun.objects.order_by("job", "-day").distinct("job"):
        state = f"{run.day:%Y-%m-%d} {run.get_state_display()}"
        rows.append(Row(runs.label(run.job), f"{state} {run.note}".strip(), bool(run.error)))
    for (name,) in sql.rows("SELECT name FROM django_celery_beat_periodictask WHERE NOT enabled ORDER BY name"):
        rows.append(Row(str(WHAT_JOBS_DO.get(name, name)), _("stopped by an operator"), True))
    return rows
