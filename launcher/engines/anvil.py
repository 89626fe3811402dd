"""The development chain: anvil from the npm package, its state kept over restarts and kept small."""

import json
import os
import platform
import sys
import threading
import urllib.request
from functools import cached_property
from pathlib import Path
from typing import Any

from launcher import Problem, kept, ports
from launcher.engines.base import Engine
from launcher.kept import Kept
from launcher.supervisor import Program

CHAIN_ID = 31337
KEEP_BLOCKS = 500  # the newest, and as many older ones that carry transactions
_EMPTY_BLOCK_EVERY = 5  # seconds; a transaction is mined at once
_COPY_EVERY = 1.0  # seconds

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def trim(state: dict[str, Any]) -> dict[str, Any]:
    """anvil's state without its oldest empty blocks: it writes all of them again every second.

    Kept are the genesis, the newest KEEP_BLOCKS, and the newest KEEP_BLOCKS that carry transactions,
    so that a transfer of days ago still has its receipt and its log. anvil adds a genesis of its own
    at every start: the first one stays.
    """
    head = int(state["best_block_number"])
    busy = sorted({int(entry["block_number"]) for entry in state["transactions"]})[-KEEP_BLOCKS:]
    numbers = {*busy, *range(head - KEEP_BLOCKS + 1, head + 1)}
    genesis = [block for block in state["blocks"] if _number(block) == 0]
    later = [block for block in state["blocks"] if _number(block) != 0 and _number(block) in numbers]
    genesis.sort(key=lambda block: int(block["header"]["timestamp"], 16))
    return {
        **state,
        "blocks": genesis[:1] + sorted(later, key=_number),
        "transactions": [entry for entry in state["transactions"] if int(entry["block_number"]) in numbers],
    }


def _number(block: dict[str, Any]) -> int:
    return int(block["header"]["number"], 16)


class Anvil(Engine):
    """A chain on 127.0.0.1 with anvil's default accounts; `finalized` is two blocks behind the head."""

    name = "anvil"
    replaced_by = "CHAIN_RPC_URL"

    def __init__(self, root: Path, data_dir: Path, values: Kept, port: int, chain_id: int, idle_blocks: bool) -> None:
        """`port` 0 means a free one, kept over restarts; `idle_blocks` mines empty blocks as time goes by."""
        super().__init__(root, data_dir, values)
        self._wanted_port = port
        self._chain_id = chain_id
        self._mining = ["--mixed-mining", "--block-time", str(_EMPTY_BLOCK_EVERY)] if idle_blocks else []
        self._home = data_dir / "anvil"
        self._state = self._home / "state.json"
        self._copy = self._home / "state.previous.json"

    def program(self) -> Program:
        """The platform's own binary, without the Node process around it."""
        self._home.mkdir(exist_ok=True)
        threading.Thread(target=self._keep_copy, name="anvil copy", daemon=True).start()
        flags: dict[str, object] = {
            "--host": "127.0.0.1",
            "--port": self._port,
            "--chain-id": self._chain_id,
            "--slots-in-an-epoch": 1,
            "--state": self._state,
            "--state-interval": 1,
        }
        words = [str(word) for flag in flags.items() for word in flag]
        return Program(
            name=self.name,
            argv=[self._binary(), *words, *self._mining, "--quiet"],
            environment=os.environ,
            directory=self._home,
            stage=1,
            log=self.log,
            before=self._prepare,
        )

    def ready(self) -> bool:
        """Answers with the chain id it was started with."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode()
        headers = {"content-type": "application/json"}
        try:
            with _direct.open(urllib.request.Request(self._url, body, headers), timeout=2) as answer:
                return int(json.load(answer)["result"], 16) == self._chain_id
        except (OSError, ValueError, KeyError):
            return False

    def environment(self) -> dict[str, str]:
        """CHAIN_RPC_URL and CHAIN_ID."""
        return {"CHAIN_RPC_URL": self._url, "CHAIN_ID": str(self._chain_id)}

    def where(self) -> str:
        """Address, chain and data directory."""
        return f"{self._url}, chain {self._chain_id}, data in {self._home}"

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @cached_property
    def _port(self) -> int:
        if not self._wanted_port:
            return self.kept_port()
        if not ports.becomes_free(self._wanted_port, 3.0):
            raise Problem(
                f"port {self._wanted_port} for the development chain is taken: stop what uses it, or "
                f"choose another one, for example SOKE_CHAIN_PORT={self._wanted_port + 1}."
            )
        return self._wanted_port

    def _binary(self) -> Path:
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        package = f"@foundry-rs/anvil-{sys.platform}-{machine}"
        binary = self.root / "node_modules" / package / "bin" / "anvil"
        if not binary.exists():
            raise Problem(
                f"the npm package {package} is not installed: remove node_modules and start again, or "
                "set CHAIN_RPC_URL to a chain of your own."
            )
        return binary

    def _prepare(self) -> None:
        """Trims the state. anvil writes its file in place, so a kill may have left half of one."""
        for source in (self._state, self._copy):
            try:
                state = trim(json.loads(source.read_bytes()))
            except FileNotFoundError:
                continue
            except (ValueError, KeyError):
                source.replace(source.with_suffix(".broken"))
                continue
            data = json.dumps(state, separators=(",", ":")).encode()
            kept.write(self._state, data)
            kept.write(self._copy, data)
            return

    def _keep_copy(self) -> None:
        """Copies every state that is whole."""
        last = b""
        while not self.ended.wait(_COPY_EVERY):
            try:
                data = self._state.read_bytes()
                if data != last:
                    json.loads(data)
                    kept.write(self._copy, data)
                    last = data
            except (OSError, ValueError):
                continue  # none yet, or half of one: in a second there is another
