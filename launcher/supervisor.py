"""Keeps named programs running, and ends all of them together."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from launcher import Problem, kept
from launcher.processes import Output, User, spawn

_LOOK_EVERY = 0.05
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 5.0
_SETTLED_AFTER = 10.0  # seconds of life after which a program's next death is its first again
_LOG_LIMIT = 10_000_000  # bytes


@dataclass(frozen=True)
class Program:
    """What the supervisor keeps running. Times are in seconds."""

    name: str
    argv: Sequence[str | Path]
    environment: Mapping[str, str]
    directory: Path
    stage: int  # programs of the highest stage are stopped first, those of one stage together
    stop_signal: int = signal.SIGTERM
    grace: float = 10.0  # from stop_signal to SIGKILL
    death_signal: int = signal.SIGKILL  # what it gets when the supervisor is killed
    user: User | None = None
    log: Path | None = None  # where its output goes; None: the supervisor's own, line by line
    before: Callable[[], None] | None = None  # called before every start


@dataclass
class _Running:
    program: Program
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    start_at: float = 0.0
    delay: float = _FIRST_DELAY
    deaths: int = 0
    first_try: threading.Event = field(default_factory=threading.Event)


class Supervisor:
    """Starts, restarts and stops programs from one thread of its own, which outlives them all.

    `pids_file` always holds {name: process id} of what runs.
    """

    def __init__(self, output: Output, pids_file: Path) -> None:
        self._output = output
        self._pids_file = pids_file
        self._running: list[_Running] = []
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def start(self, program: Program) -> None:
        """Adds a program; returns when its first start was tried."""
        running = _Running(program)
        self._running.append(running)
        running.first_try.wait()

    def pid(self, name: str) -> int | None:
        """The process id of a program, None while it is down."""
        process = self._find(name).process
        return None if process is None else process.pid

    def deaths(self, name: str) -> int:
        """How often in a row the program ended soon after its start."""
        return self._find(name).deaths

    def stop(self) -> None:
        """Ends every program, stage by stage, and returns when none is left."""
        self._stopping.set()
        self._thread.join()

    def hurry(self) -> None:
        """Makes a stop under way kill at once instead of waiting for grace times."""
        self._hurry.set()

    def _find(self, name: str) -> _Running:
        return next(running for running in self._running if running.program.name == name)

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY):
            for running in list(self._running):
                self._look_after(running)
        for stage in sorted({running.program.stage for running in self._running}, reverse=True):
            self._end([running for running in self._running if running.program.stage == stage])
        self._note_pids()

    def _look_after(self, running: _Running) -> None:
        if self._stopping.is_set():
            return
        if running.process is None:
            if time.monotonic() >= running.start_at:
                self._start(running)
            return
        code = running.process.poll()
        if code is not None:
            running.process = None
            self._note_pids()
            self._delay(running, f"ended by signal {-code}" if code < 0 else f"ended with code {code}")

    def _start(self, running: _Running) -> None:
        program = running.program
        running.started = time.monotonic()
        try:
            if program.before is not None:
                program.before()
            running.process = self._spawn(program)
        except (Problem, OSError) as error:
            self._delay(running, f"did not start: {error}")
        else:
            self._note_pids()
        running.first_try.set()

    def _delay(self, running: _Running, what: str) -> None:
        if time.monotonic() - running.started > _SETTLED_AFTER:
            running.delay, running.deaths = _FIRST_DELAY, 0
        running.deaths += 1
        running.start_at = time.monotonic() + running.delay
        self._output.line(running.program.name, f"{what}; starting again in {running.delay:g} s")
        running.delay = min(running.delay * 2, _LONGEST_DELAY)

    def _spawn(self, program: Program) -> "subprocess.Popen[bytes]":
        if program.log is None:
            process = self._spawn_into(program, subprocess.PIPE)
            threading.Thread(target=self._pass_on, args=(program.name, process), daemon=True).start()
            return process
        with suppress(FileNotFoundError):
            if program.log.stat().st_size > _LOG_LIMIT:
                program.log.unlink()
        with open(program.log, "ab") as log:
            return self._spawn_into(program, log.fileno())

    def _spawn_into(self, program: Program, output: int) -> "subprocess.Popen[bytes]":
        return spawn(
            program.argv,
            environment=program.environment,
            directory=program.directory,
            user=program.user,
            death_signal=program.death_signal,
            own_session=True,  # so that Ctrl-C reaches the supervisor only
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def _pass_on(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._output.line(name, line.decode(errors="replace").rstrip())

    def _end(self, stage: list[_Running]) -> None:
        asked = time.monotonic()
        for running in stage:
            if running.process is not None and running.process.poll() is None:
                running.process.send_signal(running.program.stop_signal)
        for running in stage:
            if running.process is not None:
                while running.process.poll() is None:
                    if self._hurry.is_set() or time.monotonic() > asked + running.program.grace:
                        with suppress(ProcessLookupError):
                            os.killpg(running.process.pid, signal.SIGKILL)
                    time.sleep(0.02)
                running.process = None
                self._note_pids()

    def _note_pids(self) -> None:
        pids = {r.program.name: r.process.pid for r in self._running if r.process is not None}
        kept.write_json(self._pids_file, pids)
