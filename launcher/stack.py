"""The whole platform in one object: engines, environment file, web, worker, beat and engine."""

import fcntl
import json
import os
import re
import shutil
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from launcher import Problem, kept, ports
from launcher.engines.anvil import CHAIN_ID, Anvil
from launcher.engines.base import Engine
from launcher.engines.postgresql import PostgreSQL
from launcher.engines.valkey import Valkey
from launcher.environment import ROOT, python
from launcher.kept import Kept
from launcher.processes import Output, spawn
from launcher.supervisor import Program, Supervisor

# What `manage.py` reads from environment.json where its own environment does not say otherwise.
_WRITTEN_DOWN = (
    "SOKE_ENV",
    "SOKE_PORT",
    "SOKE_SECRET_KEY",
    "SOKE_JWT_KEY",
    "SOKE_ADMIN_PASSWORD",
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_ADMIN_URL",
    "REDIS_URL",
    "CHAIN_RPC_URL",
    "CHAIN_ID",
    "CHAIN_TOKEN_ADDRESS",
    "CHAIN_RECEIVING_ADDRESS",
    "CHAIN_CONFIRMATIONS",
)
_SECRETS = {"SOKE_SECRET_KEY": 64, "SOKE_JWT_KEY": 64, "SOKE_ADMIN_PASSWORD": 20}
_APPLICATION_STAGE = 2
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Stack:
    """What `make run` runs, on one data directory, which it locks.

    An engine whose URL stands in `env` is not started. `chain_port` 0 takes a free port and keeps it. Without
    `idle_blocks` the chain mines only what is sent to it or asked of it, as tests want.
    Every method that starts something raises Problem where it cannot.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 8000,
        chain_port: int = 8545,
        idle_blocks: bool = True,
        env: Mapping[str, str] | None = None,
        output: Output | None = None,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.environment: dict[str, str] = {}
        self._chain_port = chain_port
        self._idle_blocks = idle_blocks
        self._given = dict(os.environ if env is None else env)
        self._output = output or Output()
        self._lock: IO[str] | None = None
        self._supervisor: Supervisor | None = None
        self._engines: list[Engine] = []
        self._stopped = threading.Lock()

    def start(self, seconds: float | None = None) -> None:
        """Everything, until `/readyz` answers 200; Problem where it does not within `seconds`."""
        self.start_engines()
        self.start_application()
        self.wait_until_ready(seconds)

    def start_engines(self, *, fresh: bool = False) -> None:
        """The engines and environment.json; `fresh` forgets the chain and what Valkey holds first.

        The databases stay, with the migrated one that tests clone.
        """
        self._take_lock()
        if fresh:
            for kind in (Valkey, Anvil):
                shutil.rmtree(self.data_dir / kind.name, ignore_errors=True)
        (self.data_dir / "logs").mkdir(exist_ok=True)
        self._environment_file.unlink(missing_ok=True)
        self._supervisor = Supervisor(self._output, self.data_dir / "pids.json")
        values = Kept(self.data_dir / "launcher.json")
        found = {"SOKE_ENV": "development", "SOKE_PORT": str(self.port)}
        found |= {name: values.secret(name, length) for name, length in _SECRETS.items()}
        for engine in self._needed_engines(values):
            self._output.say(f"starting {engine.name} ...")
            self._engines.append(engine)
            engine.start(self._supervisor)
            self._output.say(f"  {engine.where()}")
            found |= engine.environment()
        found |= {name: self._given[name] for name in _WRITTEN_DOWN if self._given.get(name)}
        self.environment = {
            **self._given,
            **found,
            "SOKE_DATA_DIR": str(self.data_dir),
            "PYTHONUNBUFFERED": "1",
        }
        kept.write_json(self._environment_file, found)

    def start_application(self) -> None:
        """Migrates, loads the demonstration, and starts the four processes."""
        if not ports.becomes_free(self.port, 3.0):
            raise Problem(
                f"port {self.port} is taken: stop what uses it, or choose another one, for example "
                f"SOKE_PORT={self.port + 1}."
            )
        self._output.say("migrating the database ...")
        self._manage("migrate", "--database", "owner", "--noinput", "--verbosity", "0")
        self._output.say("loading the demonstration ...")
        self._manage("demo")
        for name, words in self._commands().items():
            self._output.say(f"starting {name} ...")
            self._running.start(
                Program(
                    name=name,
                    argv=[python(), *words],
                    environment=self.environment,
                    directory=ROOT,
                    stage=_APPLICATION_STAGE,
                )
            )

    def wait_until_ready(self, seconds: float | None = None) -> None:
        """Waits for `/readyz`, and says what is missing when that changes."""
        deadline = None if seconds is None else time.monotonic() + seconds
        said = ""
        while (missing := self._missing()) is not None:
            if deadline is not None and time.monotonic() > deadline:
                raise Problem(f"not ready after {seconds:g} s: {missing}")
            news = re.sub(r"\d+", "", missing)  # seconds that count up are none
            if news != said:
                self._output.say(f"waiting: {missing}")
                said = news
            time.sleep(0.25)

    def stop(self) -> None:
        """Ends everything in reverse order and returns when no process is left."""
        with self._stopped:
            for engine in self._engines:
                engine.stop()
            if self._supervisor is not None:
                self._supervisor.stop()
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def hurry(self) -> None:
        """Makes a stop under way kill what it waits for."""
        if self._supervisor is not None:
            self._supervisor.hurry()

    def pid(self, name: str) -> int | None:
        """The process id of `postgresql`, `valkey`, `anvil`, `web`, `worker`, `beat` or `engine`."""
        return self._running.pid(name)

    def kill(self, name: str) -> int:
        """Kills one process with SIGKILL, as a crash would; it is started again. Returns its id."""
        pid = self.pid(name)
        if pid is None:
            raise Problem(f"{name} is not running.")
        os.kill(pid, signal.SIGKILL)
        return pid

    def describe_engines(self) -> Iterator[str]:
        """A line for each embedded engine."""
        for engine in self._engines:
            yield f"{engine.name}: {engine.where()}"

    @property
    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise Problem("the engines are not started.")
        return self._supervisor

    @property
    def _environment_file(self) -> Path:
        return self.data_dir / "environment.json"

    def _take_lock(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise Problem(f"{self.data_dir} is not a directory: choose another with SOKE_DATA_DIR.") from None
        try:
            self._lock = open(self.data_dir / "lock", "a+")  # noqa: SIM115 -- held until stop()
        except PermissionError:
            raise Problem(
                f"{self.data_dir} belongs to another user: start as that user, or choose another "
                "directory with SOKE_DATA_DIR."
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            owner = self._lock.read().strip() or "unknown"
            self._lock.close()
            self._lock = None
            raise Problem(
                f"SOKE already runs on {self.data_dir} (process {owner}): stop that first, or start a second "
                "one with other SOKE_DATA_DIR, SOKE_PORT and SOKE_CHAIN_PORT."
            ) from None
        self._lock.truncate(0)
        self._lock.write(f"{os.getpid()}\n")
        self._lock.flush()

    def _needed_engines(self, values: Kept) -> Iterator[Engine]:
        place = (ROOT, self.data_dir, values)
        if not self._given.get("DATABASE_URL"):
            yield PostgreSQL(*place)
        if not self._given.get("REDIS_URL"):
            yield Valkey(*place)
        if not self._given.get("CHAIN_RPC_URL"):
            chain_id = int(self._given.get("CHAIN_ID") or CHAIN_ID)
            yield Anvil(*place, port=self._chain_port, chain_id=chain_id, idle_blocks=self._idle_blocks)

    def _commands(self) -> dict[str, list[str]]:
        # Said at every start: root is fine in development.
        celery = ["-W", "ignore:You're running the worker", "-m", "celery", "--quiet", "-A", "soke_project"]
        web = ["-m", "uvicorn", "soke_project.asgi:application", "--host", "127.0.0.1", "--port", str(self.port)]
        # Uncompressed: compression halves the rate of pushes and doubles their memory.
        web += ["--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--ws-max-size", "65536"]
        # Nobody in front writes X-Forwarded-For here, so a client's own is not believed.
        web += ["--no-proxy-headers", "--no-access-log", "--log-level", "warning"]
        return {
            "web": [*web, "--timeout-graceful-shutdown", "3"],
            "worker": [*celery, "worker", "--pool", "threads", "--concurrency", "4", "--loglevel", "warning"],
            "beat": [*celery, "beat", "--loglevel", "warning"],
            "engine": ["manage.py", "engine"],
        }

    def _manage(self, *words: str) -> None:
        command: list[str | Path] = [python(), "manage.py", *words]
        with spawn(command, environment=self.environment, directory=ROOT, own_session=True) as process:
            try:
                code = process.wait()
            except BaseException:
                process.kill()
                raise
        if code:
            raise Problem(f"`manage.py {words[0]}` failed; what it said stands above.")

    def _missing(self) -> str | None:
        """What `/readyz` says is missing; None when nothing is."""
        try:
            with _direct.open(f"{self.url}/readyz", timeout=5):
                return None
        except urllib.error.HTTPError as error:
            try:
                failed = json.load(error)["failed"]
            except (ValueError, KeyError):
                return str(error)
            return "; ".join(f"{name}: {sentence}" for name, sentence in failed.items())
        except OSError:
            return "web does not answer yet"


def running_environment(data_dir: Path) -> dict[str, str] | None:
    """The environment of a Stack that runs on `data_dir`, waiting while it starts; None without one."""
    lock = data_dir / "lock"
    while lock.exists():
        with open(lock) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                try:
                    return dict(json.loads((data_dir / "environment.json").read_text()))
                except FileNotFoundError:
                    pass
            else:
                return None
        time.sleep(0.1)
    return None
