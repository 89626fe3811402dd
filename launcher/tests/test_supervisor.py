import io
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher import Problem
from launcher.processes import Output
from launcher.supervisor import Program, Supervisor
from launcher.tests.conftest import is_alive, wait_for


@pytest.fixture
def words() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(tmp_path: Path, words: io.StringIO) -> Iterator[Supervisor]:
    supervisor = Supervisor(Output(words), tmp_path / "pids.json")
    yield supervisor
    supervisor.stop()


def _program(tmp_path: Path, name: str, code: str, stage: int = 0, **more: object) -> Program:
    return Program(
        name=name,
        argv=[sys.executable, "-c", code],
        environment={**os.environ, "PYTHONUNBUFFERED": "1"},
        directory=tmp_path,
        stage=stage,
        **more,  # type: ignore[arg-type]
    )


def test_starts_again_what_dies_and_notes_its_process(supervisor, tmp_path, words):
    supervisor.start(_program(tmp_path, "sleeper", "import time; print('awake'); time.sleep(60)"))
    first = supervisor.pid("sleeper")
    assert json.loads((tmp_path / "pids.json").read_text()) == {"sleeper": first}
    wait_for(lambda: "sleeper    | awake" in words.getvalue())

    os.kill(first, signal.SIGKILL)

    second = wait_for(lambda: (pid := supervisor.pid("sleeper")) != first and pid)
    wait_for(lambda: words.getvalue().count("sleeper    | awake") == 2)
    assert json.loads((tmp_path / "pids.json").read_text()) == {"sleeper": second}
    assert "sleeper    | ended by signal 9; starting again in 0.5 s" in words.getvalue()


def test_counts_deaths_of_what_never_starts(supervisor, tmp_path, words):
    def refuse() -> None:
        raise Problem("the port is taken.")

    supervisor.start(_program(tmp_path, "unlucky", "", before=refuse))
    wait_for(lambda: supervisor.deaths("unlucky") == 2)
    assert supervisor.pid("unlucky") is None
    assert "unlucky    | did not start: the port is taken.; starting again in 1 s" in words.getvalue()


def test_stops_stage_by_stage_and_kills_what_does_not_listen(supervisor, tmp_path, words):
    polite = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit()))\n"
        "print('ready')\n"
        "time.sleep(60)"
    )
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(60)"
    supervisor.start(_program(tmp_path, "engine", polite, stage=0))
    supervisor.start(_program(tmp_path, "deaf", deaf, stage=1, grace=0.4))
    wait_for(lambda: words.getvalue().count("ready") == 2)
    pids = [supervisor.pid("engine"), supervisor.pid("deaf")]

    began = time.monotonic()
    supervisor.stop()

    assert 0.4 < time.monotonic() - began < 3
    assert not any(is_alive(pid) for pid in pids)
    assert json.loads((tmp_path / "pids.json").read_text()) == {}
    wait_for(lambda: "engine     | bye" in words.getvalue())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_nothing_outlives_a_killed_supervisor(tmp_path):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from launcher.processes import Output; from launcher.supervisor import Program, Supervisor\n"
        f"place = Path({str(tmp_path)!r})\n"
        "supervisor = Supervisor(Output(), place / 'pids.json')\n"
        "for name in 'ab':\n"
        "    argv = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "    supervisor.start(Program(name, argv, {}, place, 0))\n"
        "(place / 'started').touch()\n"
        "time.sleep(60)"
    )
    outer = Supervisor(Output(io.StringIO()), tmp_path / "outer.json")
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    outer.start(Program("inner", [sys.executable, "-c", code], environment, tmp_path, 0))
    wait_for((tmp_path / "started").exists)
    pids = list(json.loads((tmp_path / "pids.json").read_text()).values())
    assert len(pids) == 2
    assert all(is_alive(pid) for pid in pids)

    os.kill(outer.pid("inner") or 0, signal.SIGKILL)
    wait_for(lambda: not any(is_alive(pid) for pid in pids), seconds=3)
    outer.stop()
