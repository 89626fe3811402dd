"""`/metrics` for Prometheus: what the books and the engine say at the moment of the scrape."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from common import sql
from market_making import queries as market_making

_COUNTS = """
SELECT
    (SELECT count(*) FROM contracts_order WHERE status = 'pending'),
    (SELECT count(*) FROM contracts_position WHERE closed_at IS NULL),
    (SELECT count(*) FROM contracts_position WHERE closed_at IS NULL AND mark <> ''),
    (SELECT count(*) FROM payments_paymentorder WHERE status = 1)
"""
_AGES = """
SELECT i.code, extract(epoch FROM clock_timestamp()) - coalesce(s.ticked_at, 0)
FROM indexes_index AS i JOIN indexes_indexstate AS s ON s.index_id = i.id WHERE i.enabled
"""


class Books:
    """Collected anew at each scrape, so that several processes tell the same."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        ages = GaugeMetricFamily("soke_tick_age_seconds", "Seconds since an index's last tick", labels=["index"])
        for code, age in sql.rows(_AGES):
            ages.add_metric([code], float(age))
        yield ages
        pool = market_making.figures()
        yield GaugeMetricFamily("soke_pool_equity_usdt", "Market pool's equity", float(pool.equity))
        yield GaugeMetricFamily("soke_pool_reserved_usdt", "Reserved for winners", float(pool.reserved))
        [(orders, positions, marks, payments)] = sql.rows(_COUNTS)
        yield GaugeMetricFamily("soke_orders_pending", "Orders that wait", orders)
        yield GaugeMetricFamily("soke_positions_open", "Open positions", positions)
        yield GaugeMetricFamily("soke_marks_waiting", "Marked positions not executed yet", marks)
        yield GaugeMetricFamily("soke_payments_confirming", "Payments being confirmed", payments)


_registry = CollectorRegistry()
_registry.register(Books())


def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)
