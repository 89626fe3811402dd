"""The venue that plays a recording, and the command that makes one."""

from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from common import sql
from indexes import services, venues
from indexes.models import Tick
from indexes.tests.factories import EPOCH, make_index
from indexes.venues import Venues, replay
from indexes.venues.replay import RecordingError, ReplayVenue, read_lines

pytestmark = pytest.mark.django_db
LINES = """\
{"at": 5, "prices": {"BTC/USDT": "60000.10", "ETH/USDT": "3000"}}
{"at": 6, "prices": {"BTC/USDT": "60001"}}
{"at": 10, "prices": {"BTC/USDT": "60002", "ETH/USDT": "3001"}}
"""


@pytest.fixture
def recording(tmp_path) -> Path:
    path = tmp_path / "recording.jsonl"
    path.write_text(LINES)
    return path


class Hand:
    """A clock that is set by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_a_recording_is_played_in_its_own_time_over_and_over(recording, monkeypatch):
    hand = Hand()
    monkeypatch.setattr(replay.time, "monotonic", hand.monotonic)
    venue = ReplayVenue(recording)
    played = []
    for passed in (0, 0.9, 1, 4.9, 5, 5.9, 6, 7):
        hand.now = 1000 + passed
        quotes = venue.read(["BTC/USDT", "ETH/USDT", "OTHER"])
        played.append(
            tuple(str(quotes[symbol].price) if symbol in quotes else "" for symbol in ("BTC/USDT", "ETH/USDT"))
        )
        assert "OTHER" not in quotes
    first, second, third = ("60000.10", "3000"), ("60001", ""), ("60002", "3001")
    assert played == [first, first, second, second, third, third, first, second]


def test_a_quote_is_as_old_as_its_line(recording, monkeypatch):
    hand = Hand()
    monkeypatch.setattr(replay.time, "monotonic", hand.monotonic)
    venue = ReplayVenue(recording)
    venue.read([])
    hand.now += 4.5
    age = sql.database_time() - venue.read(["BTC/USDT"])["BTC/USDT"].fetched_since
    assert timedelta(seconds=3.4) < age < timedelta(seconds=3.7)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "{",
        "[]",
        '{"at": 1}',
        '{"at": "x", "prices": {}}',
        '{"at": 1, "prices": {"BTC/USDT": "x"}}',
        '{"at": 1, "prices": {"BTC/USDT": "NaN"}}',
        '{"at": 1, "prices": {"BTC/USDT": "0"}}',
        '{"at": 2, "prices": {}}\n{"at": 1, "prices": {}}',
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(tmp_path, wrong):
    path = tmp_path / "wrong.jsonl"
    path.write_text(wrong)
    with pytest.raises(RecordingError, match=r"line|empty"):
        ReplayVenue(path)


def test_what_is_played_is_marked_as_simulated_and_refused_in_production(recording, settings, monkeypatch):
    assert venues.REPLAY not in venues.names()
    settings.REPLAY_FILE = str(recording)
    monkeypatch.setattr(venues, "_makers", dict(venues._makers))
    replay.register_replay()
    assert venues.REPLAY in venues.names()
    index = make_index(code="btc")
    index.baskets.get().constituents.update(symbol="BTC/USDT", venues=["replay"])
    reading = Venues().read(services.wanted_quotes("main"))
    with transaction.atomic():
        (result,) = services.record_ticks("main", EPOCH, reading, sql.database_time())
    assert (result.price, result.simulated) == (D("60000.1"), True)
    assert Tick.objects.get().simulated
    settings.ALLOW_SIMULATED = False
    assert venues.REPLAY not in venues.names()


def test_a_recording_that_is_gone_stops_no_other_venue(settings, monkeypatch, caplog):
    settings.REPLAY_FILE = "/nowhere"
    monkeypatch.setattr(venues, "_makers", dict(venues._makers))
    replay.register_replay()
    assert list(Venues().read({"replay": ["BTC/USDT"], "simulated": ["BTC/USDT"]})) == ["simulated"]
    assert "venue replay could not be read" in caplog.text


def test_what_is_recorded_can_be_played(tmp_path):
    path = tmp_path / "made.jsonl"
    call_command("record_quotes", "simulated", str(path), "BTC/USDT", seconds=2)
    lines = list(read_lines(path))
    assert len(lines) == 2
    assert [round(line.at) for line in lines] == [0, 1]
    assert ReplayVenue(path).read(["BTC/USDT"])["BTC/USDT"].price == lines[0].prices["BTC/USDT"]


def test_only_what_is_there_can_be_recorded(tmp_path):
    with pytest.raises(CommandError, match="There is no venue nowhere here"):
        call_command("record_quotes", "nowhere", str(tmp_path / "x"))
    with pytest.raises(CommandError, match="No basket prices a symbol by kraken"):
        call_command("record_quotes", "kraken", str(tmp_path / "x"))
