"""What the embedded engines have in common."""

import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path

from launcher import Problem, ports
from launcher.kept import Kept
from launcher.supervisor import Program, Supervisor

_START_LIMIT = 60.0  # seconds
_DEATHS_LIMIT = 4
_LOG_LINES = 8


class Engine(ABC):
    """A server of ours on 127.0.0.1, with its data and its log under one data directory."""

    name: str
    replaced_by: str  # the environment variable that names a real one instead

    def __init__(self, root: Path, data_dir: Path, values: Kept) -> None:
        """`root` is the project's directory, where `.venv` and `node_modules` are."""
        self.root = root
        self.data_dir = data_dir
        self.kept = values
        self.ended = threading.Event()
        self.log = data_dir / "logs" / f"{self.name}.log"

    @abstractmethod
    def program(self) -> Program:
        """What the supervisor runs."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it answers."""

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The variables that lead the application to it."""

    @abstractmethod
    def where(self) -> str:
        """Address and data, for the person who started it."""

    def start(self, supervisor: Supervisor) -> None:
        """Starts it and waits until it answers; a Problem with its last words where it does not."""
        supervisor.start(self.program())
        deadline = time.monotonic() + _START_LIMIT
        while not (supervisor.pid(self.name) and self.ready()):
            if supervisor.deaths(self.name) >= _DEATHS_LIMIT or time.monotonic() > deadline:
                raise Problem(
                    f"{self.name} does not start; {self.log} says:\n{self._last_words()}\n"
                    f"Mend that, or set {self.replaced_by} to a server of your own."
                )
            time.sleep(0.03)

    def stop(self) -> None:
        """Ends what it does beside its program, which the supervisor stops."""
        self.ended.set()

    def site_packages(self) -> Path:
        """Where the environment's packages are."""
        return next(iter(sorted((self.root / ".venv").glob("lib/python*/site-packages"))), self.root)

    def kept_port(self) -> int:
        """The port of the last start; another one where somebody else took it."""
        name = f"{self.name}_port"
        port = int(self.kept.get(name, ports.choose))
        if not ports.becomes_free(port, 3.0):
            port = ports.choose()
            self.kept.set(name, port)
        return port

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"  {line}" for line in lines[-_LOG_LINES:]) or "  (nothing)"
