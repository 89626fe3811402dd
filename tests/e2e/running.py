"""The platform as `make run` starts it, on engines, data and ports of its own, for tests to look at and to break."""

import json
import logging
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from chain.development import CHAIN_ID
from chain.node import Node
from launcher import ports
from launcher.environment import ROOT, python
from launcher.stack import Stack

log = logging.getLogger(__name__)
# What the engines of `make test` are named by; the platform here has its own.
_NAMED = ("DATABASE_", "REDIS_", "CHAIN_", "SOKE_", "DJANGO_", "PYTEST_")
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 30) -> Any:
    """The first true value of `condition`; fails with `what` where there is none in time. A database or server that
    is down gives none."""
    deadline = time.monotonic() + seconds
    error: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if value := condition():
                return value
        except (psycopg2.Error, OSError) as caught:
            error = caught
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:g} s: {what} ({error})")


def stays(what: str, condition: Callable[[], bool], seconds: float) -> None:
    """Looks for so long whether it remains true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), what
        time.sleep(0.1)


class Platform:
    """A running Stack, its database and its commands."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="soke-e2e-")).resolve()
        # PostgreSQL runs as somebody else where this runs as root.
        self.directory.chmod(0o755)
        self._port = ports.choose()
        self.stack: Stack

    def start(self) -> None:
        """As `make run`; a second time after `stack.stop()`, on the same data."""
        began = time.monotonic()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_NAMED)}
        self.stack = Stack(self.directory, port=self._port, chain_port=0, env=environment)
        self.stack.start(seconds=120)
        self.hurry_chain()
        log.info("started in %.1f s", time.monotonic() - began)

    def stop(self) -> None:
        self.stack.stop()
        for note in Path("/var/tmp").glob("soke-*/*/data-directory"):
            if note.read_text() == str(self.directory):
                shutil.rmtree(note.parent)
        shutil.rmtree(self.directory, ignore_errors=True)

    def hurry_chain(self) -> None:
        """A block every second, so that tests wait less for confirmations; anvil forgets it when it is killed."""
        Node(self.chain_url, CHAIN_ID).call("evm_setIntervalMining", 1)

    @property
    def chain_url(self) -> str:
        return self.stack.environment["CHAIN_RPC_URL"]

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """A statement on a connection of its own, as the application's role; what it returns."""
        connection = psycopg2.connect(self.stack.environment["DATABASE_URL"], connect_timeout=2)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def value(self, statement: str, *parameters: Any) -> Any:
        """The first column of the only row."""
        [(value,)] = self.rows(statement, *parameters)
        return value

    def manage(self, *words: str) -> str:
        """A command that must succeed; what it printed."""
        done = subprocess.run(
            [python(), "manage.py", *words],
            cwd=ROOT,
            env=self.stack.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, f"manage.py {' '.join(words)}:\n{done.stdout}"
        return done.stdout

    def ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            with _direct.open(f"{self.stack.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError:
            return False

    def pids(self) -> dict[str, int]:
        """What the launcher says runs, by name."""
        found: dict[str, int] = json.loads((self.directory / "pids.json").read_text())
        return found

    def processes(self) -> set[int]:
        """All that runs for it, children and grandchildren of the launcher's programs included."""
        parents = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
        found = set(self.pids().values())
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def kill(self, *names: str) -> float:
        """Kills processes as a crash would, and waits until others run; when they were killed (time.monotonic)."""
        before = {name: self.stack.kill(name) for name in names}
        killed = time.monotonic()
        for name in names:
            wait_for(f"{name} is started again", lambda name=name: self.stack.pid(name) not in (None, before[name]))
        return killed

    def holder(self) -> int:
        """The process id of the engine that leads."""
        return int(self.value("SELECT holder FROM indexes_leadership WHERE shard = 'main'").split()[-1])

    def engines(self) -> int:
        """How many engines are connected to lead or to stand by."""
        return int(self.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'soke engine main'"))

    def epoch(self) -> int:
        return int(self.value("SELECT epoch FROM indexes_leadership WHERE shard = 'main'"))

    def has_ticked(self, after_epoch: int) -> bool:
        """Whether a later leader has written a tick."""
        return bool(self.value("SELECT count(*) FROM indexes_tick WHERE epoch > %s", after_epoch))

    def fills(self) -> int:
        return int(self.value("SELECT coalesce(max(id), 0) FROM contracts_fill"))


@contextmanager
def running() -> Iterator[Platform]:
    """A platform that is stopped, and leaves nothing, whatever happens."""
    platform = Platform()
    try:
        platform.start()
        yield platform
    finally:
        platform.stop()


def is_alive(pid: int) -> bool:
    """Zombies do not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
