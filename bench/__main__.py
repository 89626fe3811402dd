"""Runs the benchmarks, prints a table and notes it in bench/results.json. Words name rows; none means all.

SOKE_BENCH_SECONDS (60) is how long `tick_load` ticks."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soke_project.settings")
django.setup()

from bench import liquidations, pushes, rows, settling  # noqa: E402
from bench.engines import database, server  # noqa: E402
from bench.row import Row  # noqa: E402

RESULTS = Path(__file__).parent / "results.json"


def _over_http(measure: Callable[[int], list[Row]]) -> list[Row]:
    with server() as web:
        return measure(web.port)


BENCHMARKS: dict[str, Callable[[], list[Row]]] = {
    "order_http": lambda: _over_http(lambda port: [rows.order_http(port)]),
    "fills": lambda: [rows.fills()],
    "reads": lambda: _over_http(rows.reads),
    "tick_100": lambda: [rows.tick_100()],
    "tick_load": lambda: rows.tick_load(int(os.environ.get("SOKE_BENCH_SECONDS", "60"))),
    "settle_1m": settling.settle_1m,
    "liquidate_10k": lambda: liquidations.liquidations(10_000),
    "liquidate_100k": lambda: liquidations.liquidations(100_000),
    "push": pushes.pushes,
    "stuck": lambda: [pushes.stuck()],
}


def main(words: list[str]) -> int:
    unknown = set(words) - set(BENCHMARKS)
    if unknown:
        print(f"Unknown: {', '.join(sorted(unknown))}. There are: {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    found: list[Row] = []
    for name, run in BENCHMARKS.items():
        if not words or name in words:
            print(f"{name} ...", flush=True)
            with database():
                found += run()
    print(f"\n{'row':<18}{'measured':>12}{'limit':>12}  {'unit':<12}{'ratio':>7}  reach")
    for row in found:
        goal = f"{'≥' if row.at_least else '≤'} {row.reach:.2f}"
        verdict = "" if row.reached else "  not reached"
        print(
            f"{row.name:<18}{row.measured:>12.1f}{row.limit:>12.1f}  {row.unit:<12}{row.ratio:>7.2f}  {goal}{verdict}"
        )
    figures = {
        row.name: {"measured": row.measured, "limit": row.limit, "unit": row.unit, "ratio": row.ratio} for row in found
    }
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(known | figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
