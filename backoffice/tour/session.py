"""What a client app does: calls over HTTP, a socket, a wallet that signs and pays."""

import asyncio
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import websockets

from chain import development
from chain.development import Wallet


class TourFailed(Exception):
    """A step did not give what it should; the sentence says which and what came instead."""


class Session:
    """One client of a running platform."""

    def __init__(self, url: str, wallet: Wallet, say: Callable[[str], None]) -> None:
        self.url = url.rstrip("/")
        self.wallet = wallet
        self.say = say
        self.token = ""
        self._http = httpx.Client(base_url=f"{self.url}/api/v1/", timeout=15)

    def call(self, method: str, path: str, *, expect: int = 200, **data: Any) -> dict[str, Any]:
        """One call; fails unless the answer's `code` is the expected one."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if method == "GET":
            answer = self._http.get(path, params=data, headers=headers)
        else:
            answer = self._http.post(path, json=data, headers=headers)
        try:
            body: dict[str, Any] = answer.json()
        except ValueError as error:
            raise TourFailed(f"{method} {path}: HTTP {answer.status_code}, not JSON: {answer.text[:200]}") from error
        if body.get("code") != expect:
            raise TourFailed(f"{method} {path}: expected code {expect}, got {json.dumps(body, ensure_ascii=False)}")
        self.say(f"{method:4} {path} → {body['code']} {body['message'] or 'ok'}")
        return body

    def sign_in(self) -> None:
        """Asks for a nonce, signs its message by the wallet, takes the token."""
        nonce = self.call("POST", "auth/nonce", address=self.wallet.address)["data"]
        signature = development.personal_sign(self.wallet.key, nonce["message"])
        self.token = self.call("POST", "auth/token", address=self.wallet.address, signature=signature)["data"][
            "access_token"
        ]

    def pay(self, prepared: dict[str, Any]) -> str:
        """A real transfer of what an order asks for, to where it says; the transaction's hash."""
        tx_hash = development.send_transfer(self.wallet.key, prepared["address"], Decimal(prepared["amount"]))
        self.say(f"     paid {prepared['amount']} USDT in transaction {tx_hash}")
        return tx_hash

    def home(self) -> dict[str, Any]:
        data: dict[str, Any] = self.call("GET", "index/index")["data"]
        return data

    def wait_for(self, what: str, found: Callable[[], Any], seconds: float = 60) -> Any:
        """Asks once in half a second until there is something."""
        say, self.say = self.say, lambda _line: None
        try:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if (answer := found()) is not None:
                    say(f"     {what}")
                    return answer
                time.sleep(0.5)
        finally:
            self.say = say
        raise TourFailed(f"{what}: not seen within {seconds:g} seconds")


class Socket:
    """The client's socket, read frame by frame."""

    def __init__(self, url: str, say: Callable[[str], None]) -> None:
        self._url = url.replace("http", "ws", 1) + "/ws"
        self._say = say
        self._newest: dict[str, Any] = {}

    async def __aenter__(self) -> "Socket":
        self._socket = await websockets.connect(self._url)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._socket.close()

    async def ask(self, **frame: Any) -> dict[str, Any]:
        """Sends a frame and waits for its answer."""
        await self._socket.send(json.dumps(frame))
        answer = await self.next(lambda got: "status" in got or "pong" in got)
        if answer.get("status", "ok") != "ok":
            raise TourFailed(f"socket {frame}: {answer}")
        self._say(f"WS   {next(iter(frame))} {next(iter(frame.values()))!s:.40} → {answer.get('status', 'pong')}")
        return answer

    async def push(self, channel: str, fits: Callable[[Any], bool] = lambda _data: True, seconds: float = 30) -> Any:
        """The data of the next push on a channel that fits."""
        frame = await self.next(lambda got: got.get("ch") == channel and fits(got["data"]), seconds)
        return frame["data"]

    async def shows(self, channel: str, fits: Callable[[Any], bool], seconds: float = 30) -> Any:
        """What a channel shows once it fits: now, or with one of the next pushes."""
        if channel in self._newest and fits(self._newest[channel]):
            return self._newest[channel]
        return await self.push(channel, fits, seconds)

    async def next(self, fits: Callable[[dict[str, Any]], bool], seconds: float = 30) -> dict[str, Any]:
        try:
            async with asyncio.timeout(seconds):
                async for text in self._socket:
                    frame: dict[str, Any] = json.loads(text)
                    if "ch" in frame:
                        self._newest[frame["ch"]] = frame["data"]
                    if "ping" in frame:
                        await self._socket.send(json.dumps({"pong": frame["ping"]}))
                    elif fits(frame):
                        return frame
        except TimeoutError as error:
            raise TourFailed(f"socket: nothing fitting within {seconds:g} seconds") from error
        raise TourFailed("socket: closed by the server")
