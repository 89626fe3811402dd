"""Charts as SVG, drawn here: no script, no foreign host, and a test can read them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 560, 190, 52, 22, 8
COLOURS = ("#2563eb", "#d97706", "#059669", "#7c3aed")


@dataclass(frozen=True, slots=True)
class Series:
    """One line or one set of bars; values beside the chart's labels, None where there is none."""

    label: str
    values: Sequence[Decimal | None]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the template writes down: `lines` are (label, colour, points of its pieces), `bars` (label, colour,
    rectangles of x, y, width, height), `grid` (y, text), `ticks` (x, text, anchor). `summary` is for who cannot see."""

    title: str
    summary: str
    lines: list[tuple[str, str, list[str]]]
    bars: list[tuple[str, str, list[tuple[str, str, str, str]]]]
    grid: list[tuple[str, str]]
    ticks: list[tuple[str, str, str]]


def short(value: Decimal) -> str:
    """A number for an axis: `1.2M`, `350k`, `0.5`."""
    for limit, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if abs(value) >= limit:
            return f"{float(value / limit):.4g}{letter}"
    return f"{float(value):.4g}"


def line_chart(title: str, labels: Sequence[str], series: Sequence[Series]) -> Drawn | None:
    """Values over time; None where there are none."""
    return _draw(title, labels, series, lines=True)


def bar_chart(title: str, labels: Sequence[str], series: Sequence[Series]) -> Drawn | None:
    """Values beside each other, from zero."""
    return _draw(title, labels, series, lines=False)


def _step(span: Decimal) -> Decimal:
    """Between two lines of the grid: the least of 1, 2 or 5 times a power of ten that fits five times into `span`."""
    power = Decimal(10) ** (span / 5).adjusted()
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit * 5 >= span)


def _draw(title: str, labels: Sequence[str], series: Sequence[Series], lines: bool) -> Drawn | None:
    known = [value for one in series for value in one.values if value is not None]
    if not known or not labels:
        return None
    low, high = min(known), max(known)
    if not lines or (low > 0 and low < high / 2):
        low = min(low, Decimal(0))
    if low == high:
        low, high = min(low, Decimal(0)), high or Decimal(1)
    level = _step(high - low)
    low, high = math.floor(low / level) * level, math.ceil(high / level) * level
    room = WIDTH - LEFT

    def y(value: Decimal) -> float:
        return float(TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low))

    drawn_lines, drawn_bars = [], []
    for place, one in enumerate(series):
        colour = COLOURS[place % len(COLOURS)]
        if lines:
            step = room / max(len(labels) - 1, 1)
            pieces: list[list[str]] = [[]]
            for number, value in enumerate(one.values):
                if value is None:
                    pieces.append([])
                else:
                    pieces[-1].append(f"{LEFT + number * step:.1f},{y(value):.1f}")
            drawn_lines.append((one.label, colour, [" ".join(piece) for piece in pieces if piece]))
        else:
            slot = room / len(labels)
            width = slot * 0.7 / len(series)
            rectangles = []
            for number, value in enumerate(one.values):
                if value:
                    top, foot = sorted((y(value), y(Decimal(0))))
                    x = LEFT + number * slot + slot * 0.15 + place * width
                    rectangles.append((f"{x:.1f}", f"{top:.1f}", f"{width:.1f}", f"{max(foot - top, 1):.1f}"))
            drawn_bars.append((one.label, colour, rectangles))
    levels = [low + level * number for number in range(int((high - low) / level) + 1)]
    grid = [(f"{y(value):.1f}", short(value)) for value in levels]
    middle = len(labels) // 2
    at = {0: "start", middle: "middle", len(labels) - 1: "end"} if len(labels) > 2 else {0: "start"}
    span = max(len(labels) - 1, 1)
    ticks = [(f"{LEFT + room * number / span:.1f}", labels[number], anchor) for number, anchor in at.items()]
    newest = [(one.label, [value for value in one.values if value is not None]) for one in series]
    last = [f"{label} {short(values[-1])}" for label, values in newest if values]
    return Drawn(title, ", ".join([title, *last]), drawn_lines, drawn_bars, grid, ticks)
