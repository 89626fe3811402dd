"""Times as the API writes them, and months as the calendar has them."""

import calendar
from datetime import datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def format_time(moment: datetime) -> str:
    """`YYYY-MM-DD HH:MM:SS` in Asia/Shanghai."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def unix(moment: datetime) -> int:
    """Whole unix seconds."""
    return int(moment.timestamp())


def add_months(moment: datetime, months: int) -> datetime:
    """The same time of day in Asia/Shanghai a number of calendar months later; where that month is too short, on its
    last day: 31 January and one month is the end of February."""
    local = moment.astimezone(SHANGHAI)
    years, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month + 1
    day = min(local.day, calendar.monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day)
