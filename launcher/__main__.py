"""Usage: python3 -m launcher COMMAND

setup             make or renew the environment
run               everything, in the foreground
engines           only PostgreSQL, Valkey and the chain, in the foreground
exec -- CMD ...   a command on the engines that run, or on some started for it
test              every test, in two sets at once, each on engines of its own
test ...          pytest on engines of its own; the words after it are pytest's
test-apart        the set that waits more than it computes, on engines of its own
bench ...         the benchmarks on engines of their own; the words after it are theirs
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from launcher import Problem, ports
from launcher.environment import ROOT, python, setup
from launcher.processes import Output, spawn
from launcher.stack import Stack, running_environment

# Tests that wait more than they compute.
WAITING = ("payments", "tests/browser", "tests/e2e")


class _Terminated(KeyboardInterrupt):
    """`kill` and a closed terminal end it the way Ctrl-C does, but reach only this process."""


def main(command: str = "", *words: str) -> int:
    """Runs one command; its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminated)
    output = Output()
    commands: dict[str, Callable[[], int]] = {
        "setup": lambda: 0,
        "run": lambda: _run(output),
        "engines": lambda: _engines(output),
        "exec": lambda: _exec(output, words[1:] if words[:1] == ("--",) else words),
        "test": lambda: _apart(output, "test", ["-m", "pytest", *words]) if words else _test(output),
        "test-apart": lambda: _apart(output, "test-apart", ["-m", "pytest", *WAITING]),
        "bench": lambda: _apart(output, "bench", ["-m", "bench", *words]),
    }
    if command not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        setup(output)
        return commands[command]()
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"\n{error.filename} belongs to another user: start as that user, or remove it.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _terminated(*_: object) -> None:
    raise _Terminated


def _data_dir() -> Path:
    return ROOT / (os.environ.get("SOKE_DATA_DIR") or "var")


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Problem(f"{name} is not the number of a port: {text}")
    return int(text)


def _stack(output: Output) -> Stack:
    port, chain_port = _port("SOKE_PORT", 8000), _port("SOKE_CHAIN_PORT", 8545)
    return Stack(_data_dir(), port=port, chain_port=chain_port, output=output)


def _run(output: Output) -> int:
    stack = _stack(output)
    try:
        stack.start()
        _summarise(output, stack)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    finally:
        _stop(output, stack)
    return 0


def _engines(output: Output) -> int:
    stack = _stack(output)
    try:
        stack.start_engines()
        output.say(f"The engines run; {stack.data_dir}/environment.json has their URLs. Ctrl-C stops them.")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    finally:
        _stop(output, stack)
    return 0


def _summarise(output: Output, stack: Stack) -> None:
    if os.environ.get("SOKE_ADMIN_PASSWORD"):
        password = "the password of SOKE_ADMIN_PASSWORD"
    else:
        password = f"password {stack.environment['SOKE_ADMIN_PASSWORD']} (kept in {stack.data_dir}/launcher.json)"
    output.say(f"\nSOKE runs: {stack.url}")
    output.say(f"  API documentation  {stack.url}/api/docs")
    output.say(f"  back office        {stack.url}/admin/, operator admin, {password}")
    for line in stack.describe_engines():
        output.say(f"  engine             {line}")
    _call([python(), "manage.py", "demo", "--summary"], stack.environment)
    output.say("Ctrl-C stops all of it.\n")


def _exec(output: Output, words: Sequence[str]) -> int:
    if not words:
        raise Problem("exec wants a command: python3 -m launcher exec -- CMD ...")
    found = running_environment(_data_dir())
    if found is not None:
        return _call(words, {**found, **os.environ})
    stack = _stack(output)
    try:
        stack.start_engines()
        return _call(words, stack.environment)
    finally:
        _stop(output, stack)


def _apart(output: Output, name: str, words: Sequence[str]) -> int:
    """A command on engines of its own, which never meet the data of `run`, nor its ports."""
    stack = Stack(_data_dir() / name, port=ports.choose(), chain_port=0, idle_blocks=False, output=output)
    try:
        stack.start_engines(fresh=True)
        return _call([python(), *words], {**stack.environment, "SOKE_ENGINES": "1"})
    finally:
        _stop(output, stack)


def _test(output: Output) -> int:
    """Every test. What mostly waits for browsers, chains and processes that start runs beside the rest; what it
    printed is shown when both are over. Engines that the environment names are one set's: there all run in turn."""
    if any(os.environ.get(name) for name in ("DATABASE_URL", "REDIS_URL", "CHAIN_RPC_URL")):
        return _apart(output, "test", ["-m", "pytest"])
    log = _data_dir() / "test-apart.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    output.say(f"the tests of {', '.join(WAITING)} run beside the others; they write to {log}")
    with open(log, "wb") as file:
        beside = spawn(
            [sys.executable, "-m", "launcher", "test-apart"],
            directory=ROOT,
            death_signal=signal.SIGTERM,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            ignored = [f"--ignore={path}" for path in WAITING]
            code = _apart(output, "test", ["-m", "pytest", *ignored])
            code = beside.wait() or code
        finally:
            if beside.poll() is None:
                beside.terminate()
                beside.wait()
    output.say(f"\n{log}:\n{log.read_text(errors='replace')}")
    return code


def _call(words: Sequence[str | Path], environment: Mapping[str, str]) -> int:
    """Runs a command in the foreground, where Ctrl-C reaches it too; passes a SIGTERM on."""
    programs = f"{python().parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    try:
        process = spawn(words, environment={**environment, "PATH": programs}, directory=ROOT)
    except OSError as error:
        raise Problem(f"{words[0]} does not start: {error}") from None
    with process:
        try:
            return process.wait()
        except KeyboardInterrupt as interrupt:
            if isinstance(interrupt, _Terminated):
                process.terminate()
            try:
                process.wait(timeout=30)
            except (KeyboardInterrupt, subprocess.TimeoutExpired):
                process.kill()
            raise


def _stop(output: Output, stack: Stack) -> None:
    """Ends everything; a second Ctrl-C ends it at once."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stack.hurry())
    output.say("stopping ...")
    stack.stop()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
