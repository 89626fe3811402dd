"""Child processes that never outlive the launcher, and a terminal they share."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

_PR_SET_PDEATHSIG = 1
# Looked up before any fork: a child of a threaded process must not load libraries.
_prctl = getattr(ctypes.CDLL(None), "prctl", None)

_COLOURS = (36, 32, 33, 35, 34, 31, 96, 92)


@dataclass(frozen=True)
class User:
    """Whom a child runs as when the launcher is root."""

    uid: int
    gid: int


class Output:
    """Writes whole lines of several threads to one stream, each after the name it belongs to."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        self._colours = self._stream.isatty() and "NO_COLOR" not in os.environ
        self._names: list[str] = []

    def say(self, text: str) -> None:
        """The launcher's own words."""
        self._write(text)

    def line(self, name: str, text: str) -> None:
        """One line that the child `name` wrote."""
        with self._lock:
            if name not in self._names:
                self._names.append(name)
            colour = _COLOURS[self._names.index(name) % len(_COLOURS)]
        label = f"{name:<10} |"
        self._write(f"\033[{colour}m{label}\033[0m {text}" if self._colours else f"{label} {text}")

    def _write(self, text: str) -> None:
        with self._lock:
            try:
                self._stream.write(text + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                pass  # the terminal is gone; the platform is not


def _die_with_parent(death_signal: int) -> Callable[[], None]:
    parent = os.getpid()

    def in_child() -> None:
        # Runs after setuid, which would clear the setting. It follows the thread that forked, so
        # long-lived children are started by a thread that lives as long (see Supervisor).
        if _prctl is not None:
            _prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return in_child


def spawn(
    argv: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    user: User | None = None,
    death_signal: int = signal.SIGKILL,
    own_session: bool = False,
    stdin: int | IO[bytes] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> "subprocess.Popen[bytes]":
    """Starts a process that gets `death_signal` when the thread that called this ends (Linux)."""
    return subprocess.Popen(
        [str(part) for part in argv],
        env=None if environment is None else dict(environment),
        cwd=directory,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
        start_new_session=own_session,
        preexec_fn=_die_with_parent(death_signal),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
    )


def run(
    argv: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    user: User | None = None,
    text: str = "",
    timeout: float | None = None,
) -> tuple[int, str]:
    """Runs a command to its end with `text` as its input: exit code, and what it printed."""
    with spawn(
        argv,
        environment=environment,
        directory=directory,
        user=user,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            printed, _ = process.communicate(text.encode(), timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return process.returncode, printed.decode(errors="replace")


def processes_in(directory: Path, program: str) -> list[int]:
    """Process ids of those called `program` that work in `directory`; empty where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            inside = os.readlink(entry / "cwd") == str(directory)
            name = Path(os.readlink(entry / "exe").removesuffix(" (deleted)")).name
        except OSError:
            continue
        if inside and name == program:
            found.append(int(entry.name))
    return found
