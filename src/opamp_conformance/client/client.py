"""The client of the suite's agents: it sends their messages, and records the exchanges."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, TypeVar

from opamp_conformance.checks.agent_messages import require_valid_message
from opamp_conformance.client.agent import attribute
from opamp_conformance.client.agent_tracker import CleanupReport
from opamp_conformance.client.downloads import fetch
from opamp_conformance.client.lookout import Answer, Lookout
from opamp_conformance.client.retries import Retries
from opamp_conformance.client.run_log import RunLog
from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import PreconditionFailedError, ThrottledError
from opamp_conformance.targets import Endpoint, Tls
from opamp_conformance.targets.tls import tls_context
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest, HttpResponse, HttpTransport
from opamp_conformance.wire.transport import NoResponseError, Transport
from opamp_conformance.wire.websocket import HEADER, Closing, ReceivedMessage, WebSocketMessage, WebSocketTransport
from opamp_proto import opamp_pb2 as pb

T = TypeVar("T")

# A server can easily process this number at once.
_DISCONNECTS_AT_ONCE: Final = 16
# A server that pushes does so at once; one that does not push is asked, so a long wait gains nothing.
_PUSH_SECONDS: Final = 1.0
_CLOSING_SECONDS: Final = 1.0
# A server that sends the rest of its answer in another message does so at once.
_REST_SECONDS: Final = 0.12
# A pause that shows that a server has sent all its answers.
_PAUSE_SECONDS: Final = 0.05


class Client:
    """Sends messages to one endpoint over one transport; each call is one request and its response.

    Use it in a ``with`` block. A message takes a short path: ``send`` checks it, ``deliver`` exchanges it, again if
    the server is too busy, and records the exchange.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        timing: Timing,
        transport: Transport = Transport.HTTP,
        log: RunLog | None = None,
        run_id: str = "",
        find_problem: Callable[[], str] = lambda: "",
    ) -> None:
        """Prepare to connect. Raises InconclusiveError for unusable certificates.

        ``find_problem`` returns why the server cannot become available, if it is known not to be its own fault.
        """
        self.endpoint = endpoint
        self.transport = transport
        self.timing = timing
        self.log = log or RunLog()
        # To read the authorities of the system takes longer than a scenario, so only https does it.
        is_tls = endpoint.url.startswith("https:") or endpoint.tls != Tls()
        self.tls = tls_context(endpoint.tls) if is_tls else None
        self._runner = asyncio.Runner()
        self._began = time.monotonic()
        self._lookout = Lookout(timing, run_id, self._report)
        self.was_answered = False
        """Whether a ServerToAgent has arrived."""
        self._retries = Retries(timing, self.log, find_problem)
        self._last_sent: dict[bytes, WebSocketMessage] = {}
        self._last_message_sent: set[bytes] = set()

    def __enter__(self) -> "Client":
        self.run(self._connect())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self._websocket.__aexit__(None, None, None))
        self.run(self._http.__aexit__(None, None, None))
        self._runner.close()

    @property
    def timeout(self) -> float:
        """The limit of each exchange, in seconds."""
        return self.timing.limit

    @property
    def has_credentials(self) -> bool:
        """Whether requests carry an Authorization header."""
        return any(name.lower() == "authorization" for name in self.endpoint.headers)

    # ---- well-formed messages

    def send(self, message: pb.AgentToServer, *, connection_id: bytes | None = None) -> Exchange:
        """Deliver a well-formed message; raises HarnessError if it is not.

        Over WebSocket it uses the connection of its agent, or the one with the given ``connection_id``.
        """
        require_valid_message(message)
        return self.deliver(self.request(message, connection_id))

    def send_at_once(self, messages: Sequence[pb.AgentToServer]) -> list[Exchange]:
        """Deliver well-formed messages at the same time, each on its own connection, as of clones."""
        requests, number = [], Counter[bytes]()
        for message in messages:
            require_valid_message(message)
            own = self.log.agents.connection_of(message.instance_uid)
            requests.append(self.request(message, own + bytes(number[own])))
            number[own] += 1
        return self.deliver_at_once(requests)

    def send_once(self, message: pb.AgentToServer) -> Exchange:
        """Deliver a message without a retry, for scenarios about busy servers."""
        return self.deliver_once(self.request(message))

    def receive_next(self, agent_sends: Callable[[], pb.AgentToServer], instance_uid: bytes) -> Exchange:
        """Return the next message for an agent: a push, or the response to one more message of the agent.

        A push may be late, and then arrive next to the acknowledgement of that message.
        """
        push = self.receive_push(instance_uid)
        if push is not None:
            return push
        answer = self.send(agent_sends())
        late = self.receive_push(instance_uid) if answer.is_acknowledgement else None
        return answer if late is None else late

    def receive_push(self, connection_id: bytes) -> Exchange | None:
        """Return a message that arrives soon without a request, None if none does."""
        if not self._websocket.has(connection_id):
            return None
        seconds = min(_PUSH_SECONDS, self.timeout)
        exchange = self.run(self._receive(connection_id, seconds))
        has_come = exchange.response is not None or exchange.close_code is not None
        return self._record(exchange) if has_come else None

    # ---- anything

    def send_bytes(self, data: bytes, message: pb.AgentToServer | None = None) -> Exchange:
        """Deliver bytes in the place of a message; ``message`` is what they encode, None if nothing."""
        if self.transport is Transport.HTTP:
            return self.deliver(HttpRequest(data, message))
        return self.deliver(WebSocketMessage(HEADER + data, message, message.instance_uid if message else b""))

    def deliver(self, request: HttpRequest | WebSocketMessage) -> Exchange:
        """Deliver any request, until the server is not too busy for it; raises ThrottledError."""
        exchange = self._record(self.run(self._exchange(request)))
        if exchange.connection_id is not None and self.log.agents.has_left(exchange):
            self._last_message_sent.add(exchange.connection_id)
        return exchange

    def deliver_once(self, request: HttpRequest | WebSocketMessage) -> Exchange:
        """Deliver any request without a retry: a server may refuse it by saying that it is too busy."""
        return self._record(self.run(self._attempt(request)))

    def deliver_at_once(self, requests: Sequence[HttpRequest | WebSocketMessage]) -> list[Exchange]:
        """Deliver any requests at the same time."""
        uids = Counter(request.message.instance_uid for request in requests if request.message is not None)
        self.log.overlapping(*(uid for uid, count in uids.items() if count > 1))
        return [self._record(exchange) for exchange in self.run(self._exchange_all(requests))]

    def deliver_in_a_row(self, messages: Sequence[WebSocketMessage]) -> list[Exchange]:
        """Send messages on one WebSocket without waiting, then take as many answers, in their order."""
        return [self._record(exchange) for exchange in self.run(self._send_in_a_row(messages))]

    def receive(self, connection_id: bytes) -> Exchange:
        """Wait for one more message on a WebSocket, or for its end."""
        return self._record(self.run(self._receive(connection_id, self.timeout)))

    def exchanges_of(self, instance_uid: bytes) -> list[Exchange]:
        """Return the exchanges of an agent in the current scenario."""
        return [exchange for exchange in self.log.exchanges if exchange.instance_uid == instance_uid]

    def fetch(self, url: str, headers: Mapping[str, str]) -> HttpResponse:
        """Fetch a file by HTTP GET from the URL of an offer, without the target's credentials."""
        return self.run(fetch(url, headers, self.endpoint, self.timeout))

    def count_unsolicited(self, connection_id: bytes, seconds: float) -> int:
        """Count the messages that arrive on a WebSocket within some seconds, while the agent sends nothing."""
        count, end = 0, time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            received = self.run(self._take_pending(connection_id, left))
            if not received:
                break
            count += len(received)
        return count

    def count_answers(
        self, messages: Sequence[WebSocketMessage], is_enough: Callable[[int, float], bool]
    ) -> tuple[int, float]:
        """Send messages on one WebSocket without waiting, and count what arrives, for the timeout at most.

        ``is_enough`` gets the count, and the seconds since the first message; they are also the result.
        """
        connection_id, began = messages[0].connection_id, time.monotonic()
        count = sum(exchange.response is not None for exchange in self.deliver_in_a_row(messages[:1]))
        with contextlib.suppress(NoResponseError):  # Then the messages that arrive are too few.
            for message in messages[1:]:
                self.log.overlapping(connection_id)
                self.run(self._post(message))
        while not is_enough(count, seconds := time.monotonic() - began) and seconds < self.timeout:
            exchange = self._record(self.run(self._receive(connection_id, self.timeout - seconds)))
            if exchange.response is None:
                break
            count += 1
        for _ in messages:  # Unread answers would delay the end of the connection; a server may also never stop.
            if not self.run(self._take_pending(connection_id, _PAUSE_SECONDS)):
                break
        return count, seconds

    def has_websocket(self, connection_id: bytes) -> bool:
        """Return whether a WebSocket is open."""
        return self._websocket.has(connection_id)

    def ping(self, connection_id: bytes) -> str | None:
        """Send a WebSocket ping; returns why no pong came, None if one came."""
        try:
            self.run(self._websocket.ping(connection_id))
        except NoResponseError as error:
            return str(error)
        return None

    def close(self, connection_id: bytes) -> Closing:
        """Close a WebSocket; returns how the server ended it."""
        self.log.connection_closed(connection_id)
        return self.run(self._websocket.close(connection_id))

    def abort(self, connection_id: bytes) -> None:
        """End a WebSocket without a Close frame."""
        self.log.connection_closed(connection_id)
        self.run(self._websocket.abort(connection_id))

    # ---- whether the server is there

    @property
    def is_lost(self) -> bool:
        """Whether the server answered nobody when the client last looked. Then no more messages are sent."""
        return self._lookout.is_lost

    def look(self) -> bool:
        """Return whether the server answers a new agent, on a connection of its own."""
        return self.run(self._lookout.look())

    # ---- the end

    def close_websockets(self) -> None:
        """Disconnect the agents on each open WebSocket, and close it."""
        self.run(self._close_websockets())

    def disconnect_agents(self) -> CleanupReport:
        """Disconnect every agent that the target may still regard as connected."""
        agents = self.log.agents
        disconnects = agents.disconnects()
        for first in range(0, len(disconnects), _DISCONNECTS_AT_ONCE):
            batch = [self.request(message) for message in disconnects[first : first + _DISCONNECTS_AT_ONCE]]
            try:
                exchanges = self.run(self._exchange_all(batch))
            except (PreconditionFailedError, ThrottledError):
                break  # The report counts those that are left.
            for exchange in exchanges:
                self._record(exchange)
            if all(exchange.response is None for exchange in exchanges):
                break  # The target is gone; the others would only wait for it.
        return agents.report()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop of the client's connections."""
        try:
            return self._runner.run(work)
        except KeyboardInterrupt:
            # If the coroutine had just ended, the callback that stops the loop is left. It must not stop the next one.
            loop = self._runner.get_loop()
            loop.call_soon(loop.stop)
            loop.run_forever()
            raise

    async def _connect(self) -> None:
        endpoint = self.endpoint
        self._http = HttpTransport(endpoint.url, endpoint.headers, self.tls, self.timeout)
        self._websocket = WebSocketTransport(endpoint.url, endpoint.headers, self.tls, self.timeout)

    def request(self, message: pb.AgentToServer, connection_id: bytes | None = None) -> HttpRequest | WebSocketMessage:
        """Make the ordinary request of a message."""
        if message.HasField("agent_description"):
            message.agent_description.non_identifying_attributes.extend(
                attribute(key, value) for key, value in self.endpoint.agent_attributes.items()
            )
        if self.transport is Transport.HTTP:
            return HttpRequest.of(message)
        own = self.log.agents.connection_of(message.instance_uid)
        return replace(WebSocketMessage.of(message), connection_id=own if connection_id is None else connection_id)

    def _record(self, exchange: Exchange) -> Exchange:
        self.log.record(exchange)
        self.was_answered |= exchange.message is not None
        if exchange.connection_id is not None and not self._websocket.has(exchange.connection_id):
            self.log.connection_closed(exchange.connection_id)
        return exchange

    # ---- in the event loop

    async def _exchange_all(self, requests: Sequence[HttpRequest | WebSocketMessage]) -> list[Exchange]:
        return list(await asyncio.gather(*(self._exchange(request) for request in requests)))

    async def _exchange(self, request: HttpRequest | WebSocketMessage) -> Exchange:
        return await self._retries.exchange(lambda: self._attempt(request))

    async def _attempt(self, request: HttpRequest | WebSocketMessage) -> Exchange:
        if self._lookout.is_lost:
            raise PreconditionFailedError("response.must-respond", "not sent, because the server no longer answers")
        if isinstance(request, HttpRequest):
            await asyncio.sleep(self.timing.next_turn())
            return await self._timed(request, self._lookout.await_answer(len(request.body), self._http.send(request)))
        if request.connection_id in self._last_message_sent:
            # agent_disconnect is the last message on a connection (AgentDisconnect): a later message needs a new one.
            self._last_message_sent.discard(request.connection_id)
            await self._close_soon(request.connection_id)
        await asyncio.sleep(self.timing.next_turn())
        earlier = await self._take_pending(request.connection_id, self.timing.quiet)
        exchange = await self._send_websocket(request)
        exchange = replace(exchange, unsolicited=_messages(earlier))
        if not self.log.lacks_something(exchange):
            return exchange
        later = await self._take_pending(request.connection_id, _REST_SECONDS)
        return replace(exchange, unsolicited=_messages([*earlier, *later]))

    async def _send_websocket(self, request: WebSocketMessage) -> Exchange:
        self._last_sent[request.connection_id] = request
        return await self._timed(request, self._lookout.await_answer(len(request.body), self._websocket.send(request)))

    async def _post(self, message: WebSocketMessage) -> None:
        await asyncio.sleep(self.timing.next_turn())
        await self._websocket.post(message)

    async def _take_pending(self, connection_id: bytes, quiet: float) -> list[Exchange]:
        """Record and return what arrived without a request: it answers no later message."""
        received = await self._websocket.pending(connection_id, quiet)
        now = time.monotonic() - self._began
        return [
            self._record(Exchange(self._last_sent[connection_id], now, 0, message, is_push=True))
            for message in received
        ]

    async def _report(self, message: pb.AgentToServer) -> bool:
        """Let the agent of the lookout report on a connection of its own; return whether the server answers it."""
        request, sent_at = self.request(message), time.monotonic()
        try:
            if isinstance(request, HttpRequest):
                response: HttpResponse | ReceivedMessage = await self._http.send(request)
            else:
                response = await self._websocket.send(request)
        except NoResponseError:
            return False
        exchange = Exchange(request, sent_at - self._began, time.monotonic() - sent_at, response)
        self.log.record_unjudged(exchange)
        return not exchange.is_lost

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

    async def _send_in_a_row(self, messages: Sequence[WebSocketMessage]) -> list[Exchange]:
        answers: list[Exchange] = []
        await self._take_pending(messages[0].connection_id, self.timing.quiet)
        self._last_sent[messages[0].connection_id] = messages[0]
        try:
            for message in messages[:-1]:
                await self._post(message)
        except NoResponseError as error:
            sent_at = time.monotonic() - self._began
            answers = [Exchange(messages[0], sent_at, 0, None, str(error), close_code=error.close_code)]
        else:
            answers = [await self._send_websocket(messages[-1])]
        while len(answers) < len(messages):  # After a silence, the answers that are missing are not waited for.
            is_silent = answers[-1].response is None
            answers.append(answers[-1] if is_silent else await self._receive_answer(messages[0]))
        return [
            replace(answer, request=message, is_push=False) for message, answer in zip(messages, answers, strict=True)
        ]

    async def _receive(self, connection_id: bytes, seconds: float) -> Exchange:
        """Wait for a message that need not come."""
        answer = self._websocket.receive(connection_id, seconds)
        return replace(await self._timed(self._last_sent[connection_id], answer), is_push=True)

    async def _receive_answer(self, message: WebSocketMessage) -> Exchange:
        answer = self._websocket.receive(message.connection_id, self.timeout)
        return await self._timed(message, self._lookout.await_answer(len(message.body), answer))

    async def _close_websockets(self) -> None:
        await asyncio.gather(*(self._close_politely(each) for each in self._websocket.connection_ids()))
        self._last_sent.clear()
        self._last_message_sent.clear()
        self.log.agents.forget_connections()

    async def _close_politely(self, connection_id: bytes) -> None:
        """Send agent_disconnect for each agent of a WebSocket, then close it."""
        try:
            for message in self.log.agents.disconnects(connection_id):
                await self._post(replace(WebSocketMessage.of(message), connection_id=connection_id))
        except NoResponseError:
            return
        finally:
            self.log.connection_closed(connection_id)
        await self._close_soon(connection_id)

    async def _close_soon(self, connection_id: bytes) -> None:
        """Close a WebSocket, and do not wait long for the server."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._websocket.close(connection_id)


def _messages(exchanges: Sequence[Exchange]) -> tuple[pb.ServerToAgent, ...]:
    return tuple(exchange.message for exchange in exchanges if exchange.message is not None)
