"""One client's socket. Channels gives it its place in the application; pushes come from the hub."""

import asyncio
import time
from typing import Any

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from common.errors import Banned, Problem, Unauthenticated
from common.sockets import answers, connection, handshake, registry
from common.sockets.hub import Hub
from common.sockets.limits import limit
from common.sockets.messages import Allowance, Message, Wrong, read
from common.sockets.outbox import Outbox, Overflow
from common.sockets.session import Session

log = structlog.get_logger(__name__)

# Why a socket is closed: RFC 6455's codes, and our own.
POLICY_VIOLATION, TOO_BIG, NO_PONG, BANNED = 1008, 1009, 4001, 4003


class SocketConsumer(AsyncWebsocketConsumer):
    """Reads messages one by one; what it sends goes through the outbox, so that a slow reader holds up nobody."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        # Channels' own loop listens on the channel layer for every socket and looks after database connections at
        # every message; this one needs neither.
        self.scope, self.base_send = scope, send
        if (await receive())["type"] != "websocket.connect":
            return
        token = handshake.take_token(scope)
        self.language = handshake.language(scope)
        self.outbox = Outbox(send, limit("WAITING_ANSWERS"))
        self.allowance = Allowance()
        self.session: Session | None = None
        # Subscribed channels, and of the private ones the client.
        self.channels: dict[str, int | None] = {}
        self.missed_pongs = 0
        self.next_ping = time.monotonic() + limit("PING_SECONDS")
        self.closing: asyncio.Task[None] | None = None
        await self.accept()
        connection.bound(send, limit("UNSENT_BYTES"))
        self.hub = Hub.current()
        self.hub.join(self)
        try:
            if token is not None:
                await self._obey(Message("auth", token), handshake=True)
            while (message := await receive())["type"] == "websocket.receive":
                await self.websocket_receive(message)
        finally:
            self._leave()

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        text = message.get("text")
        if self.closing is not None:
            return
        if not self.allowance.spend():
            self.shut(POLICY_VIOLATION, "too many messages")
        elif len(message.get("bytes") or b"" if text is None else text.encode()) > limit("FRAME_BYTES"):
            self.shut(TOO_BIG, "frame too big")
        elif text is None:
            self._fail(Wrong(_("Messages are text, not binary."), "malformed"))
        else:
            try:
                await self._obey(read(text))
            except Wrong as wrong:
                self._fail(wrong, wrong.message_id)

    async def _obey(self, message: Message, handshake: bool = False) -> None:
        """Does what a message says; whatever goes wrong becomes an error frame."""
        try:
            if message.verb == "sub":
                await self._subscribe(message)
            elif message.verb == "unsub":
                self._unsubscribe(message)
            elif message.verb == "auth":
                await self._sign_in(message, silent=handshake)
            elif message.verb == "ping":
                self._answer(answers.pong(message.subject))
            else:
                self.missed_pongs = 0
        except Banned:
            self.shut(BANNED, "banned")
        except Problem as problem:
            self._fail(problem, message.id)
        except Exception:
            log.exception("socket_message_failed", verb=message.verb)
            self._fail(Problem(reason="unforeseen"), message.id)

    async def _subscribe(self, message: Message) -> None:
        """Again is no error and sends the snapshot again."""
        name: str = message.subject
        await self.hub.ready()
        private = registry.private_channel(name)
        if private is None and not await self.hub.exists(name):
            raise Wrong(_("There is no such channel."), "unknown_channel")
        if self.closing is not None:
            return
        if private is not None and self.session is None:
            raise Unauthenticated
        if name not in self.channels and len(self.channels) >= limit("SUBSCRIPTIONS"):
            raise Wrong(_("Too many subscriptions on one socket."), "too_many_subscriptions")
        self._answer(answers.done(message.id, "subbed", name))
        if private is not None and self.session is not None:
            self.channels[name] = self.session.client_id
            self.hub.private.subscribe(self.outbox, self.session.client_id, private)
        else:
            self.channels[name] = None
            self.hub.public.subscribe(self.outbox, name)

    def _unsubscribe(self, message: Message) -> None:
        if message.subject not in self.channels:
            raise Wrong(_("This channel is not subscribed."), "not_subscribed")
        self._drop(message.subject)
        self._answer(answers.done(message.id, "unsubbed", message.subject))

    def _drop(self, name: str) -> None:
        client_id = self.channels.pop(name)
        if client_id is None:
            self.hub.public.unsubscribe(self.outbox, name)
        else:
            self.hub.private.unsubscribe(self.outbox, client_id, name)
        self.outbox.drop(name)

    async def _sign_in(self, message: Message, silent: bool) -> None:
        """A token of the same client goes on with its channels, another's ends them. A bad one changes nothing."""
        found = await self.hub.in_thread(registry.authenticate, message.subject)
        if self.closing is not None:
            return
        if self.session is not None and self.session.client_id != found[0]:
            self._drop_private()
        self._end_session()
        self.session = Session(message.subject, found, self._on_event, self._sign_out)
        if not silent:
            self._answer(answers.done(message.id, "auth", self.session.address))

    def _on_event(self, event: dict[str, Any]) -> None:
        """What the channel layer tells this client's sockets."""
        if event["type"] == "client.banned":
            self.shut(BANNED, "banned")
        elif event["type"] == "token.ended" and self.session is not None and event["jti"] == self.session.jti:
            self._sign_out(Unauthenticated(_("The token was revoked; sign in again."), "token_revoked"))

    def _sign_out(self, why: Problem) -> None:
        """Ends the private channels with an error frame; the socket and its public channels go on, but for a banned
        client's."""
        if isinstance(why, Banned):
            self.shut(BANNED, "banned")
            return
        self._end_session()
        self._drop_private()
        self._fail(why)

    def _end_session(self) -> None:
        if self.session is not None:
            self.session.end()
            self.session = None

    def _drop_private(self) -> None:
        for name in [name for name, client_id in self.channels.items() if client_id is not None]:
            self._drop(name)

    def watch(self, monotonic: float, now: float) -> None:
        """Called by the hub about once a second."""
        if self.closing is not None:
            return
        if self.outbox.stuck_since is not None and monotonic - self.outbox.stuck_since > limit("DRAIN_SECONDS"):
            self.shut(POLICY_VIOLATION, "slow reader")
            return
        if self.session is not None and now >= self.session.expires:
            self._sign_out(Unauthenticated(_("The token has expired; sign in again."), "token_expired"))
        if monotonic >= self.next_ping:
            if self.missed_pongs >= limit("MISSED_PONGS"):
                self.shut(NO_PONG, "no pong")
                return
            self.missed_pongs += 1
            self.next_ping = monotonic + limit("PING_SECONDS")
            self._answer(answers.ping())

    def _answer(self, text: str) -> None:
        try:
            self.outbox.answer(text)
        except Overflow:
            self.shut(POLICY_VIOLATION, "slow reader")

    def _fail(self, problem: Problem, message_id: object = answers.ABSENT) -> None:
        with translation.override(self.language):
            self._answer(answers.failed(message_id, problem))

    def shut(self, code: int, reason: str) -> None:
        """Closes the socket with a code and an English reason."""
        if self.closing is None:
            self._leave()
            self.closing = asyncio.get_running_loop().create_task(self._close(code, reason))

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(limit("CLOSE_SECONDS")):
                await self.close(code, reason)
        except TimeoutError:
            connection.cut(self.base_send)
        except OSError:
            return
        except Exception:
            # daphne lets an application use its own codes only: 1008 becomes 4008.
            await self.close(3000 + code, reason)

    def _leave(self) -> None:
        """Forgets the socket everywhere; may be called twice."""
        self.outbox.close()
        self.hub.leave(self)
        self._end_session()
        for name in list(self.channels):
            self._drop(name)
