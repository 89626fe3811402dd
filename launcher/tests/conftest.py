"""Engines of the launcher's own tests, which the environment of `make test` must not replace."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from launcher.environment import ROOT
from launcher.processes import Output
from launcher.stack import Stack

REPLACING = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_ADMIN_URL", "REDIS_URL", "CHAIN_RPC_URL", "CHAIN_ID")
SENDER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"  # anvil's account 0
RECEIVER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"  # and 1


def plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in REPLACING}


def wait_for(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The first true value of `condition`; fails where there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


def is_alive(pid: int) -> bool:
    """Zombies do not count: nobody may have reaped them yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def rpc(url: str, method: str, *params: object) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
        return json.load(answer)["result"]


def transfer(url: str) -> str:
    """The hash of a mined transaction."""
    sent = rpc(url, "eth_sendTransaction", {"from": SENDER, "to": RECEIVER, "value": "0x1"})
    wait_for(lambda: rpc(url, "eth_getTransactionReceipt", sent))
    return str(sent)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory that others cannot enter, so that root's PostgreSQL has to live elsewhere."""
    directory = tmp_path.resolve() / "data"
    yield directory
    for note in Path("/var/tmp").glob("soke-*/*/data-directory"):
        if note.read_text() == str(directory):
            shutil.rmtree(note.parent)


@pytest.fixture
def stack(data_dir: Path) -> Iterator[Stack]:
    """A stack whose engines a test starts."""
    stack = Stack(data_dir, chain_port=0, env=plain_environment(), output=Output(io.StringIO()))
    yield stack
    stack.stop()


@pytest.fixture
def launch(data_dir: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts `python -m launcher`, as a person would."""
    started = []

    def start(*words: str, **environment: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "launcher", *words],
            cwd=ROOT,
            env={**plain_environment(), "SOKE_DATA_DIR": str(data_dir), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
