"""Exchanges messages with one endpoint over one transport, in an event loop: requests, and what comes next.

``Client`` runs these coroutines, one after the other, and records what they return. What arrives without a request is
recorded here, because it comes before the answer.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from opamp_conformance.client.agent import attribute
from opamp_conformance.client.lookout import Answer, Lookout
from opamp_conformance.client.retries import Retries
from opamp_conformance.client.run_log import RunLog
from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import PreconditionFailedError
from opamp_conformance.targets import Endpoint, Tls
from opamp_conformance.targets.tls import tls_context
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest, HttpResponse, HttpTransport
from opamp_conformance.wire.transport import NoResponseError, Transport
from opamp_conformance.wire.websocket import ReceivedMessage, WebSocketMessage, WebSocketTransport
from opamp_proto import opamp_pb2 as pb

_CLOSING_SECONDS: Final = 1.0
# A server that sends the rest of its answer in another message does so at once.
_REST_SECONDS: Final = 0.12


class Exchanger:
    """The connections to one endpoint, and the exchanges on them."""

    def __init__(
        self,
        endpoint: Endpoint,
        timing: Timing,
        transport: Transport,
        log: RunLog,
        run_id: str,
        find_problem: Callable[[], str],
    ) -> None:
        """Prepare to connect, as ``Client`` says."""
        # To read the authorities of the system takes longer than a scenario, so only https does it.
        is_tls = endpoint.url.startswith("https:") or endpoint.tls != Tls()
        self.tls = tls_context(endpoint.tls) if is_tls else None
        self.lookout = Lookout(timing, run_id, self._report)
        self.was_answered = False
        """Whether a ServerToAgent has arrived."""
        self._endpoint = endpoint
        self._timing = timing
        self._transport = transport
        self._log = log
        self._began = time.monotonic()
        self._retries = Retries(timing, log, find_problem)
        self._last_sent: dict[bytes, WebSocketMessage] = {}
        self._last_message_sent: set[bytes] = set()

    async def open(self) -> None:
        """Make the transports; a connection begins with its first message."""
        endpoint, limit = self._endpoint, self._timing.limit
        self._http = HttpTransport(endpoint.url, endpoint.headers, self.tls, limit)
        self.websocket = WebSocketTransport(endpoint.url, endpoint.headers, self.tls, limit)

    async def close(self) -> None:
        """Close all connections."""
        await self.websocket.__aexit__(None, None, None)
        await self._http.__aexit__(None, None, None)

    def request(self, message: pb.AgentToServer, connection_id: bytes | None = None) -> HttpRequest | WebSocketMessage:
        """Make the ordinary request of a message."""
        if message.HasField("agent_description"):
            message.agent_description.non_identifying_attributes.extend(
                attribute(key, value) for key, value in self._endpoint.agent_attributes.items()
            )
        if self._transport is Transport.HTTP:
            return HttpRequest.of(message)
        own = self._log.agents.connection_of(message.instance_uid)
        return replace(WebSocketMessage.of(message), connection_id=own if connection_id is None else connection_id)

    def record(self, exchange: Exchange) -> Exchange:
        """Record an exchange, and return it."""
        self._log.record(exchange)
        self.was_answered |= exchange.message is not None
        if exchange.connection_id is not None and not self.websocket.has(exchange.connection_id):
            self._log.connection_closed(exchange.connection_id)
        return exchange

    def note_last_message(self, exchange: Exchange) -> None:
        """Note if an exchange was the last one of its agent: a later message needs a new connection."""
        if exchange.connection_id is not None and self._log.agents.has_left(exchange):
            self._last_message_sent.add(exchange.connection_id)

    # ---- exchanges

    async def exchange(self, request: HttpRequest | WebSocketMessage) -> Exchange:
        """Exchange a message until the server is not too busy for it; raises ThrottledError."""
        return await self._retries.exchange(lambda: self.attempt(request))

    async def exchange_all(self, requests: Sequence[HttpRequest | WebSocketMessage]) -> list[Exchange]:
        """Exchange messages at the same time."""
        return list(await asyncio.gather(*(self.exchange(request) for request in requests)))

    async def attempt(self, request: HttpRequest | WebSocketMessage) -> Exchange:
        """Exchange a message once. Raises PreconditionFailedError if the server answers nobody any more."""
        if self.lookout.is_lost:
            raise PreconditionFailedError("response.must-respond", "not sent, because the server no longer answers")
        if isinstance(request, HttpRequest):
            await asyncio.sleep(self._timing.next_turn())
            return await self._timed(request, self.lookout.await_answer(len(request.body), self._http.send(request)))
        if request.connection_id in self._last_message_sent:
            # agent_disconnect is the last message on a connection (AgentDisconnect): a later message needs a new one.
            self._last_message_sent.discard(request.connection_id)
            await self._close_soon(request.connection_id)
        await asyncio.sleep(self._timing.next_turn())
        earlier = await self.take_pending(request.connection_id, self._timing.quiet)
        exchange = await self._send_websocket(request)
        exchange = replace(exchange, unsolicited=_messages(earlier))
        if not self._log.lacks_something(exchange):
            return exchange
        later = await self.take_pending(request.connection_id, _REST_SECONDS)
        return replace(exchange, unsolicited=_messages([*earlier, *later]))

    async def send_in_a_row(self, messages: Sequence[WebSocketMessage]) -> list[Exchange]:
        """Send messages on one WebSocket without waiting, then take as many answers, in their order."""
        answers: list[Exchange] = []
        await self.take_pending(messages[0].connection_id, self._timing.quiet)
        self._last_sent[messages[0].connection_id] = messages[0]
        try:
            for message in messages[:-1]:
                await self.post(message)
        except NoResponseError as error:
            sent_at = time.monotonic() - self._began
            answers = [Exchange(messages[0], sent_at, 0, None, str(error), close_code=error.close_code)]
        else:
            answers = [await self._send_websocket(messages[-1])]
        while len(answers) < len(messages):  # After a silence, the answers that are missing are not waited for.
            is_silent = answers[-1].response is None
            answers.append(answers[-1] if is_silent else await self._receive_answer(messages[0]))
        answers += await self._late_answers(messages, answers)
        own = _in_order_of(messages, answers)
        for unsolicited in answers:
            if unsolicited.response is not None and all(unsolicited is not one for one in own):
                self.record(replace(unsolicited, is_push=True))
        return [replace(answer, request=message, is_push=False) for message, answer in zip(messages, own, strict=True)]

    async def _late_answers(self, messages: Sequence[WebSocketMessage], answers: Sequence[Exchange]) -> list[Exchange]:
        """Take what comes next if a sender has no answer yet: unsolicited messages to others may come before it."""
        senders = {message.message.instance_uid for message in messages if message.message is not None}
        if senders <= {answer.message.instance_uid for answer in answers if answer.message is not None}:
            return []
        received = await self.websocket.pending(messages[0].connection_id, _REST_SECONDS)
        now = time.monotonic() - self._began
        return [Exchange(messages[-1], now, 0, message) for message in received]

    async def post(self, message: WebSocketMessage) -> None:
        """Send a message on a WebSocket, and wait for nothing. Raises NoResponseError."""
        await asyncio.sleep(self._timing.next_turn())
        await self.websocket.post(message)

    async def take_pending(self, connection_id: bytes, quiet: float) -> list[Exchange]:
        """Record and return what arrives without a request, until nothing does for ``quiet`` seconds.

        It answers no later message.
        """
        received = await self.websocket.pending(connection_id, quiet)
        now = time.monotonic() - self._began
        return [
            self.record(Exchange(self._last_sent[connection_id], now, 0, message, is_push=True)) for message in received
        ]

    async def receive(self, connection_id: bytes, seconds: float) -> Exchange:
        """Wait for a message that need not come."""
        answer = self.websocket.receive(connection_id, seconds)
        return replace(await self._timed(self._last_sent[connection_id], answer), is_push=True)

    async def close_websockets(self) -> None:
        """Disconnect the agents on each open WebSocket, and close it."""
        await asyncio.gather(*(self._close_politely(each) for each in self.websocket.connection_ids()))
        self._last_sent.clear()
        self._last_message_sent.clear()
        self._log.agents.forget_connections()

    # ---- parts of an exchange

    async def _send_websocket(self, request: WebSocketMessage) -> Exchange:
        self._last_sent[request.connection_id] = request
        return await self._timed(request, self.lookout.await_answer(len(request.body), self.websocket.send(request)))

    async def _receive_answer(self, message: WebSocketMessage) -> Exchange:
        answer = self.websocket.receive(message.connection_id, self._timing.limit)
        return await self._timed(message, self.lookout.await_answer(len(message.body), answer))

    async def _timed(self, request: HttpRequest | WebSocketMessage, answer: Answer) -> Exchange:
        """Make the exchange of a request and what comes next."""
        sent_at = time.monotonic()
        response, failure, close_code = None, None, None
        try:
            response = await answer
        except NoResponseError as error:
            failure, close_code = str(error), error.close_code
        seconds = time.monotonic() - sent_at
        return Exchange(request, sent_at - self._began, seconds, response, failure, close_code=close_code)

    async def _report(self, message: pb.AgentToServer) -> bool:
        """Let the agent of the lookout report on a connection of its own; return whether the server answers it."""
        request, sent_at = self.request(message), time.monotonic()
        try:
            if isinstance(request, HttpRequest):
                response: HttpResponse | ReceivedMessage = await self._http.send(request)
            else:
                response = await self.websocket.send(request)
        except NoResponseError:
            return False
        exchange = Exchange(request, sent_at - self._began, time.monotonic() - sent_at, response)
        self._log.record_unjudged(exchange)
        return not exchange.is_lost

    async def _close_politely(self, connection_id: bytes) -> None:
        """Send agent_disconnect for each agent of a WebSocket, then close it."""
        try:
            for message in self._log.agents.disconnects(connection_id):
                await self.post(replace(WebSocketMessage.of(message), connection_id=connection_id))
        except NoResponseError:
            return
        finally:
            self._log.connection_closed(connection_id)
        await self._close_soon(connection_id)

    async def _close_soon(self, connection_id: bytes) -> None:
        """Close a WebSocket, and do not wait long for the server."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self.websocket.close(connection_id)


def _in_order_of(messages: Sequence[WebSocketMessage], answers: Sequence[Exchange]) -> list[Exchange]:
    """Return the answers in the order of their messages: answers to different agents may come in any order."""
    left, ordered = list(answers), []
    senders = [b"" if message.message is None else message.message.instance_uid for message in messages]
    if len(set(senders)) == 1:
        return left
    for uid in senders:
        own = (index for index, one in enumerate(left) if one.message is not None and one.message.instance_uid == uid)
        ordered.append(left.pop(next(own, 0)))
    return ordered


def _messages(exchanges: Sequence[Exchange]) -> tuple[pb.ServerToAgent, ...]:
    return tuple(exchange.message for exchange in exchanges if exchange.message is not None)
