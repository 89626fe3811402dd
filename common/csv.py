"""Lists as CSV, streamed in constant memory while they are read.

A cell that a spreadsheet would take for a formula gets an apostrophe before it: it could send what stands beside it to
anybody. Numbers stay numbers.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone

from common.times import SHANGHAI, format_time

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_LINES_AT_ONCE = 500


def cell(value: Any) -> str:
    """A value as a cell that no spreadsheet executes."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bool | int | float):
        return str(value)
    text = str(value).replace("\x00", "")
    # Blanks before it do not help: spreadsheets strip them.
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else text


def stream(
    name: str, header: Iterable[Any], rows: Iterable[Iterable[Any]], total: int | None = None
) -> StreamingHttpResponse:
    """A download of unknown length, `name` and the time. `X-Total-Rows` is what its progress is measured by, where
    `total` is known; Excel needs the mark at the beginning to know that it is UTF-8."""
    moment = timezone.now().astimezone(SHANGHAI).strftime("%Y%m%d-%H%M%S")
    headers = {"Content-Disposition": f'attachment; filename="{name}-{moment}.csv"', "Cache-Control": "no-store"}
    if total is not None:
        headers["X-Total-Rows"] = str(total)
    return StreamingHttpResponse(_lines(header, rows), content_type="text/csv; charset=utf-8", headers=headers)


def _lines(header: Iterable[Any], rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    writer = csv.writer(_Line())
    yield b"\xef\xbb\xbf" + writer.writerow([cell(title) for title in header]).encode()
    chunk: list[str] = []
    for row in rows:
        chunk.append(writer.writerow([cell(value) for value in row]))
        if len(chunk) == _LINES_AT_ONCE:
            yield "".join(chunk).encode()
            chunk.clear()
    yield "".join(chunk).encode()


class _Line:
    """What csv writes to: hands the line back."""

    def write(self, line: str) -> str:
        return line
