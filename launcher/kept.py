"""Small JSON files that only their owner reads and that no crash leaves half written."""

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from launcher import Problem


def write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replaces a file at once: readers see the old content or the new."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def write_json(path: Path, value: Any) -> None:
    """`write` for a JSON value."""
    write(path, (json.dumps(value, indent=2) + "\n").encode())


class Kept:
    """Values made once and kept over restarts: passwords, keys, ports."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._values: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        except ValueError:
            raise Problem(
                f"{path} is not what it was written as, and holds the passwords of the data beside it: put it back, "
                "or remove the whole directory to start over."
            ) from None

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """The kept value; made and kept where there is none."""
        if name not in self._values:
            self.set(name, make())
        return self._values[name]

    def set(self, name: str, value: Any) -> None:
        """Keeps another value from now on."""
        self._values[name] = value
        write_json(self._path, self._values)

    def secret(self, name: str, characters: int) -> str:
        """A random string of `characters` hexadecimal digits."""
        return str(self.get(name, lambda: secrets.token_hex(characters // 2)))
