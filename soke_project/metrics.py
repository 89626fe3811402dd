"""`/metrics` for Prometheus: what the books and the engine say at the moment of the scrape."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from common import sql
from contracts.models import MOST_ATTEMPTS
from market_making import queries as market_making

_COUNTS = """
SELECT
    (SELECT count(*) FROM contracts_order WHERE status = 'pending'),
    (SELECT count(*) FROM contracts_position WHERE closed_at IS NULL),
    (SELECT count(*) FROM contracts_position WHERE closed_at IS NULL AND mark <> ''),
    (SELECT count(*) FROM payments_paymentorder WHERE status = 1),
    (SELECT count(*) FROM funds_fundorder WHERE waiting_since IS NOT NULL),
    (SELECT count(*) FROM operations_jobrun WHERE state IN ('waiting', 'running'))
"""
_WITHDRAWALS = """
SELECT s.status, count(w.id)
FROM unnest(ARRAY['review', 'approved', 'sent']) AS s (status) LEFT JOIN (
    SELECT id, status FROM payments_withdrawal WHERE status IN ('review', 'approved', 'sent')
) AS w USING (status)
GROUP BY s.status
"""
_AGES = """
SELECT i.code, extract(epoch FROM clock_timestamp()) - coalesce(s.ticked_at, 0), s.stale, s.stale_reason
FROM indexes_index AS i JOIN indexes_indexstate AS s ON s.index_id = i.id WHERE i.enabled
"""
# Each shard that was ever led: what its leader last reported, and what waits there for an operator.
_ENGINES = """
SELECT
    l.shard, l.epoch, extract(epoch FROM clock_timestamp() - l.heartbeat_at),
    extract(epoch FROM clock_timestamp()) - coalesce(l.ticked_at, 0), l.skipped, l.executions, l.failures,
    (
        SELECT count(*) FROM indexes_indexstate AS s JOIN indexes_index AS i ON i.id = s.index_id
        WHERE i.shard = l.shard AND s.stale
    ),
    (
        SELECT count(*) FROM contracts_order AS o JOIN indexes_index AS i ON i.id = o.index_id
        WHERE i.shard = l.shard AND o.status = 'pending' AND o.attempts >= %s
    ) + (
        SELECT count(*) FROM contracts_position AS p JOIN indexes_index AS i ON i.id = p.index_id
        WHERE i.shard = l.shard AND p.closed_at IS NULL AND p.mark <> '' AND p.attempts >= %s
    ),
    l.read_seconds, l.decide_seconds, l.push_seconds, l.execute_seconds
FROM indexes_leadership AS l
"""
_PHASES = ("read", "decide", "push", "execute")


def _by_engine(kind: type[GaugeMetricFamily | CounterMetricFamily], name: str, text: str) -> Any:
    return kind(f"soke_engine_{name}", text, labels=["engine"])


class Books:
    """Collected anew at each scrape, so that several processes tell the same."""

    def collect(self) -> Iterator[Metric]:
        ages = GaugeMetricFamily("soke_tick_age_seconds", "Seconds since an index's last tick", labels=["index"])
        stale = GaugeMetricFamily("soke_index_stale", "Whether an index is stale", labels=["index", "reason"])
        for code, age, is_stale, reason in sql.rows(_AGES):
            ages.add_metric([code], float(age))
            stale.add_metric([code, reason], int(is_stale))
        yield ages
        yield stale
        yield from self._engines()
        pool = market_making.figures()
        yield GaugeMetricFamily("soke_pool_equity_usdt", "Market pool's equity", float(pool.equity))
        yield GaugeMetricFamily("soke_pool_reserved_usdt", "Reserved for winners", float(pool.reserved))
        [(orders, positions, marks, payments, fund_orders, job_runs)] = sql.rows(_COUNTS)
        yield GaugeMetricFamily("soke_orders_pending", "Orders that wait", orders)
        yield GaugeMetricFamily("soke_positions_open", "Open positions", positions)
        yield GaugeMetricFamily("soke_marks_waiting", "Marked positions not executed yet", marks)
        yield GaugeMetricFamily("soke_payments_confirming", "Payments being confirmed", payments)
        yield GaugeMetricFamily("soke_fund_orders_waiting", "Rewards that wait for the fund reserve", fund_orders)
        yield GaugeMetricFamily("soke_job_runs_open", "Runs of settling jobs that wait or go on", job_runs)
        withdrawals = GaugeMetricFamily("soke_withdrawals", "Withdrawals on their way", labels=["status"])
        for status, number in sql.rows(_WITHDRAWALS):
            withdrawals.add_metric([status], number)
        yield withdrawals

    @staticmethod
    def _engines() -> Iterator[Metric]:
        families = [
            _by_engine(GaugeMetricFamily, "epoch", "The leader's epoch"),
            _by_engine(GaugeMetricFamily, "heartbeat_age_seconds", "Seconds since the leader's heartbeat"),
            _by_engine(GaugeMetricFamily, "tick_age_seconds", "Seconds since the last second that was ticked"),
            _by_engine(CounterMetricFamily, "skipped_seconds", "Seconds that nobody ticked"),
            _by_engine(CounterMetricFamily, "executions", "Marks, closes and opens carried out"),
            _by_engine(CounterMetricFamily, "failures", "Executions that the database refused"),
            _by_engine(GaugeMetricFamily, "stale_indexes", "Indexes without a price"),
            _by_engine(GaugeMetricFamily, "parked", "Executions that failed too often and wait for an operator"),
        ]
        phases = GaugeMetricFamily(
            "soke_engine_phase_seconds", "How long the last second's phases took", labels=["engine", "phase"]
        )
        for shard, *values in sql.rows(_ENGINES, [MOST_ATTEMPTS, MOST_ATTEMPTS]):
            for family, value in zip(families, values, strict=False):
                family.add_metric([shard], float(value))
            for phase, seconds in zip(_PHASES, values[len(families) :], strict=True):
                phases.add_metric([shard, phase], seconds)
        yield from families
        yield phases


_registry = CollectorRegistry()
_registry.register(Books())


def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)
