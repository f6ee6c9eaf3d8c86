"""The client of the suite's agents: it sends their messages, and records the exchanges."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, TypeVar

from opamp_conformance.checks.agent_messages import require_valid_message
from opamp_conformance.client.agent_tracker import CleanupReport
from opamp_conformance.client.downloads import fetch
from opamp_conformance.client.exchanger import Exchanger
from opamp_conformance.client.run_log import RunLog
from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import PreconditionFailedError, ThrottledError
from opamp_conformance.targets import Endpoint
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest, HttpResponse
from opamp_conformance.wire.transport import NoResponseError, Transport
from opamp_conformance.wire.websocket import HEADER, Closing, WebSocketMessage
from opamp_proto import opamp_pb2 as pb

T = TypeVar("T")

# A server can easily process this number at once.
_DISCONNECTS_AT_ONCE: Final = 16
# A server that pushes does so at once; one that does not push is asked, so a long wait gains nothing.
_PUSH_SECONDS: Final = 1.0
# A pause that shows that a server has sent all its answers.
_PAUSE_SECONDS: Final = 0.05


class Client:
    """Sends messages to one endpoint over one transport; each call is one request and its response.

    Use it in a ``with`` block. A message takes a short path: ``send`` checks it, the ``Exchanger`` exchanges it, again
    if the server is too busy, and ``deliver`` records the exchange.
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
        self._exchanger = Exchanger(endpoint, timing, transport, self.log, run_id, find_problem)
        self.tls = self._exchanger.tls
        self._runner = asyncio.Runner()

    def __enter__(self) -> "Client":
        self.run(self._exchanger.open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self._exchanger.close())
        self._runner.close()

    @property
    def timeout(self) -> float:
        """The limit of each exchange, in seconds."""
        return self.timing.limit

    @property
    def has_credentials(self) -> bool:
        """Whether requests carry an Authorization header."""
        return any(name.lower() == "authorization" for name in self.endpoint.headers)

    @property
    def was_answered(self) -> bool:
        """Whether a ServerToAgent has arrived."""
        return self._exchanger.was_answered

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
        if not self._exchanger.websocket.has(connection_id):
            return None
        seconds = min(_PUSH_SECONDS, self.timeout)
        exchange = self.run(self._exchanger.receive(connection_id, seconds))
        has_come = exchange.response is not None or exchange.close_code is not None
        return self._exchanger.record(exchange) if has_come else None

    def request(self, message: pb.AgentToServer, connection_id: bytes | None = None) -> HttpRequest | WebSocketMessage:
        """Make the ordinary request of a message; over WebSocket, on the connection of its agent or on another one."""
        return self._exchanger.request(message, connection_id)

    # ---- anything

    def send_bytes(self, data: bytes, message: pb.AgentToServer | None = None) -> Exchange:
        """Deliver bytes in the place of a message; ``message`` is what they encode, None if nothing."""
        if self.transport is Transport.HTTP:
            return self.deliver(HttpRequest(data, message))
        return self.deliver(WebSocketMessage(HEADER + data, message, message.instance_uid if message else b""))

    def deliver(self, request: HttpRequest | WebSocketMessage) -> Exchange:
        """Deliver any request, until the server is not too busy for it; raises ThrottledError."""
        exchange = self._exchanger.record(self.run(self._exchanger.exchange(request)))
        self._exchanger.note_last_message(exchange)
        return exchange

    def deliver_once(self, request: HttpRequest | WebSocketMessage) -> Exchange:
        """Deliver any request without a retry: a server may refuse it by saying that it is too busy."""
        return self._exchanger.record(self.run(self._exchanger.attempt(request)))

    def deliver_at_once(self, requests: Sequence[HttpRequest | WebSocketMessage]) -> list[Exchange]:
        """Deliver any requests at the same time."""
        uids = Counter(request.message.instance_uid for request in requests if request.message is not None)
        self.log.overlapping(*(uid for uid, count in uids.items() if count > 1))
        return [self._exchanger.record(exchange) for exchange in self.run(self._exchanger.exchange_all(requests))]

    def deliver_in_a_row(self, messages: Sequence[WebSocketMessage]) -> list[Exchange]:
        """Send messages on one WebSocket without waiting, then take as many answers, in their order."""
        return [self._exchanger.record(exchange) for exchange in self.run(self._exchanger.send_in_a_row(messages))]

    def receive(self, connection_id: bytes) -> Exchange:
        """Wait for one more message on a WebSocket, or for its end."""
        return self._exchanger.record(self.run(self._exchanger.receive(connection_id, self.timeout)))

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
            received = self.run(self._exchanger.take_pending(connection_id, left))
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
                self.run(self._exchanger.post(message))
        while not is_enough(count, seconds := time.monotonic() - began) and seconds < self.timeout:
            exchange = self._exchanger.record(self.run(self._exchanger.receive(connection_id, self.timeout - seconds)))
            if exchange.response is None:
                break
            count += 1
        for _ in messages:  # Unread answers would delay the end of the connection; a server may also never stop.
            if not self.run(self._exchanger.take_pending(connection_id, _PAUSE_SECONDS)):
                break
        return count, seconds

    def has_websocket(self, connection_id: bytes) -> bool:
        """Return whether a WebSocket is open."""
        return self._exchanger.websocket.has(connection_id)

    def ping(self, connection_id: bytes) -> str | None:
        """Send a WebSocket ping; returns why no pong came, None if one came."""
        try:
            self.run(self._exchanger.websocket.ping(connection_id))
        except NoResponseError as error:
            return str(error)
        return None

    def close(self, connection_id: bytes) -> Closing:
        """Close a WebSocket; returns how the server ended it."""
        self.log.connection_closed(connection_id)
        return self.run(self._exchanger.websocket.close(connection_id))

    def abort(self, connection_id: bytes) -> None:
        """End a WebSocket without a Close frame."""
        self.log.connection_closed(connection_id)
        self.run(self._exchanger.websocket.abort(connection_id))

    # ---- whether the server is there

    @property
    def is_lost(self) -> bool:
        """Whether the server answered nobody when the client last looked. Then no more messages are sent."""
        return self._exchanger.lookout.is_lost

    def look(self) -> bool:
        """Return whether the server answers a new agent, on a connection of its own."""
        return self.run(self._exchanger.lookout.look())

    # ---- the end

    def close_websockets(self) -> None:
        """Disconnect the agents on each open WebSocket, and close it."""
        self.run(self._exchanger.close_websockets())

    def disconnect_agents(self) -> CleanupReport:
        """Disconnect every agent that the target may still regard as connected."""
        agents = self.log.agents
        disconnects = agents.disconnects()
        for first in range(0, len(disconnects), _DISCONNECTS_AT_ONCE):
            batch = [self.request(message) for message in disconnects[first : first + _DISCONNECTS_AT_ONCE]]
            try:
                exchanges = self.run(self._exchanger.exchange_all(batch))
            except (PreconditionFailedError, ThrottledError):
                break  # The report counts those that are left.
            for exchange in exchanges:
                self._exchanger.record(exchange)
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
