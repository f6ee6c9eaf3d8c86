"""The client that speaks for the tester's agents: it delivers messages, and remembers what came of them."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_
from types import TracebackType
from typing import Any, Final, TypeVar

from opamp_conformance.errors import Breach, CannotTell, Throttled
from opamp_conformance.exchange import Exchange
from opamp_conformance.guests import Guests, LeftBehind
from opamp_conformance.targets import Endpoint, Tls
from opamp_conformance.transports import NoResponse, Transport
from opamp_conformance.transports.http import HttpTransport, Request, Response
from opamp_conformance.transports.websocket import HEADER, Frame, Received, WebSocketTransport
from opamp_conformance.validation import Findings, check_own
from opamp_proto import opamp_pb2 as pb

T = TypeVar("T")

_FAREWELLS_AT_ONCE: Final = 16
_MAX_ATTEMPTS: Final = 4
# A target that has gone would otherwise cost a timeout for each request that is left.
_MAX_SILENCES: Final = 12
# A server that pushes does so at once; one that does not is asked, and need not be waited for long.
_PUSH_SECONDS: Final = 0.5
_GOODBYE_SECONDS: Final = 1.0
DEFAULT_RETRY_SECONDS: Final = 1.0
"""The wait after a 429 or 503 that does not say how long."""


@dataclass
class Notes:
    """What the clients of a run remember together."""

    exchanges: list[Exchange] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    guests: Guests = field(default_factory=Guests)


class Client:
    """Speaks to one endpoint over one transport, one call an exchange. Use it in a ``with`` block.

    ``timeout`` is in seconds.
    """

    def __init__(
        self, endpoint: Endpoint, timeout: float, transport: Transport = Transport.HTTP, notes: Notes | None = None
    ) -> None:
        """Prepare to connect; raises CannotTell for certificates that cannot be used."""
        self.endpoint = endpoint
        self.transport = transport
        self.timeout = timeout
        self.notes = notes or Notes()
        # Reading the authorities of the system takes longer than a scenario, so it is done only for https.
        is_tls = endpoint.url.startswith("https:") or endpoint.tls != Tls()
        self.tls = tls_context(endpoint.tls) if is_tls else None
        self._runner = asyncio.Runner()
        self._began = time.monotonic()
        self._silences = 0
        self._last: dict[bytes, Frame] = {}
        # An agent that adopts a new_instance_uid stays on the connection that it was announced on.
        self._lanes: dict[bytes, bytes] = {}

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
    def guests(self) -> Guests:
        return self.notes.guests

    @property
    def has_credentials(self) -> bool:
        return any(name.lower() == "authorization" for name in self.endpoint.headers)

    # ---- messages, in the ordinary way of the transport

    def send(self, message: pb.AgentToServer, *, beside: bytes | None = None) -> Exchange:
        """Deliver a well-formed message; raises HarnessFault if it is not.

        Over WebSocket it travels on its agent's connection, or on that of the agent ``beside``.
        """
        check_own(message)
        return self.deliver(self._ordinary(message, beside))

    def send_at_once(self, messages: Sequence[pb.AgentToServer]) -> list[Exchange]:
        """Deliver well-formed messages at the same time, each on a connection of its own."""
        for message in messages:
            check_own(message)
        ordinary = [self._ordinary(message) for message in messages]
        return self.deliver_at_once([_apart(request, ordinary[:index]) for index, request in enumerate(ordinary)])

    def send_bytes(self, data: bytes, message: pb.AgentToServer | None = None) -> Exchange:
        """Deliver bytes as if they were a message; ``message`` is what they encode, None if nothing."""
        if self.transport is Transport.HTTP:
            return self.deliver(Request(data, message))
        return self.deliver(Frame(HEADER + data, message, message.instance_uid if message else b""))

    def hear(self, agent_sends: Callable[[], pb.AgentToServer], instance_uid: bytes) -> Exchange:
        """Return what the server says next to an agent: of its own accord, or asked by one more message.

        What it says of its own accord may come late, and then beside the acknowledgement of that message.
        """
        push = self._push_on(instance_uid)
        if push is not None:
            return push
        answer = self.send(agent_sends())
        late = self._push_on(instance_uid) if _says_nothing(answer) else None
        return answer if late is None else late

    def _push_on(self, lane: bytes) -> Exchange | None:
        if not self._websocket.has(lane):
            return None
        push = self.run(self._await_push(lane))
        return None if push is None else self._noted(push)

    # ---- anything

    def deliver(self, request: Request | Frame) -> Exchange:
        """Deliver any request or frame."""
        return self.deliver_at_once([request])[0]

    def deliver_at_once(self, requests: Sequence[Request | Frame]) -> list[Exchange]:
        """Deliver any requests or frames at the same time."""
        return [self._noted(exchange) for exchange in self.run(self._exchange_all(requests))]

    def receive(self, lane: bytes) -> Exchange:
        """Wait for one more message on a WebSocket, or for its end."""
        return self._noted(self.run(self._receive(lane, self.timeout)))

    def deliver_all(self, frames: Sequence[Frame]) -> list[Exchange]:
        """Send frames on one WebSocket without waiting, then take as many answers, in their order."""
        return [self._noted(exchange) for exchange in self.run(self._in_a_row(frames))]

    def send_once(self, message: pb.AgentToServer) -> Exchange:
        """Deliver a message without trying again, where a busy server is what is looked for."""
        return self._noted(self.run(self._attempt(self._ordinary(message))))

    def fetch(self, url: str, headers: Mapping[str, str]) -> Response:
        """Fetch a file by HTTP GET, from wherever it is offered; no credentials are shown."""
        return self.run(self._fetch(url, headers))

    def pong(self, lane: bytes) -> str | None:
        """Ping the server; returns why no pong came, None if it did."""
        try:
            self.run(self._websocket.ping(lane))
        except NoResponse as error:
            return str(error)
        return None

    def close(self, lane: bytes) -> int | None:
        """Close a WebSocket; returns the code of the server's Close frame, None if it sent none."""
        self.notes.guests.closed(lane)
        return self.run(self._websocket.close(lane))

    # ---- the end

    def hang_up(self) -> None:
        """Take leave on each open WebSocket and close it."""
        self.run(self._hang_up_all())

    def leave(self) -> LeftBehind:
        """Disconnect every agent that the target may still take for connected."""
        guests = self.notes.guests
        farewells = guests.farewells()
        for first in range(0, len(farewells), _FAREWELLS_AT_ONCE):
            batch = [self._ordinary(message) for message in farewells[first : first + _FAREWELLS_AT_ONCE]]
            try:
                exchanges = self.run(self._exchange_all(batch))
            except Throttled:
                break  # What is left connected is told.
            for exchange in exchanges:
                guests.note(exchange)
            if all(exchange.response is None for exchange in exchanges):
                break  # The target is gone; the others would only wait for it.
        return guests.left_behind()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine among the client's connections."""
        return self._runner.run(work)

    async def _connect(self) -> None:
        endpoint = self.endpoint
        self._http = HttpTransport(endpoint.url, endpoint.headers, self.tls, self.timeout)
        self._websocket = WebSocketTransport(endpoint.url, endpoint.headers, self.tls, self.timeout)

    def _ordinary(self, message: pb.AgentToServer, beside: bytes | None = None) -> Request | Frame:
        if self.transport is Transport.HTTP:
            return Request.of(message)
        uid = message.instance_uid
        return with_(Frame.of(message), lane=self._lanes.get(uid, uid) if beside is None else beside)

    def _noted(self, exchange: Exchange) -> Exchange:
        self.notes.exchanges.append(exchange)
        self.notes.guests.note(exchange)
        if isinstance(exchange.request, Frame) and not self._websocket.has(exchange.request.lane):
            self.notes.guests.closed(exchange.request.lane)
        self.notes.findings.inspect(exchange)
        if isinstance(exchange.request, Frame) and not isinstance(exchange.message, Breach):
            announced = exchange.message.agent_identification.new_instance_uid
            self._lanes |= {announced: exchange.request.lane} if announced else {}
        return exchange

    async def _exchange_all(self, requests: Sequence[Request | Frame]) -> list[Exchange]:
        return list(await asyncio.gather(*(self._exchange(request) for request in requests)))

    async def _exchange(self, request: Request | Frame) -> Exchange:
        """Send a request until the server is not too busy for it; raises Throttled."""
        for _ in range(_MAX_ATTEMPTS):
            exchange = await self._attempt(request)
            if not exchange.is_busy:
                return exchange
            wait = DEFAULT_RETRY_SECONDS if exchange.retry_after is None else exchange.retry_after
            if wait > self.timeout:
                raise Throttled(f"the server asks to come back in {wait:g} seconds; try again when it is less busy")
            await asyncio.sleep(wait)
        raise Throttled(f"the server was too busy {_MAX_ATTEMPTS} times in a row; try again when it is less busy")

    async def _attempt(self, request: Request | Frame) -> Exchange:
        if self._silences >= _MAX_SILENCES:
            reason = f"not sent, as {_MAX_SILENCES} requests in a row got no response"
            return Exchange(request, time.monotonic() - self._began, 0, None, reason)
        if isinstance(request, Frame):
            self._last[request.lane] = request
        return await self._timed(request, self._answer_to(request))

    async def _fetch(self, url: str, headers: Mapping[str, str]) -> Response:
        try:
            async with HttpTransport(url, {}, self.tls, self.timeout) as elsewhere:
                return await elsewhere.send(Request(b"", method="GET", headers=headers, follows_redirects=True))
        except NoResponse as error:
            raise Breach("a file at the offered URL", str(error)) from error

    async def _in_a_row(self, frames: Sequence[Frame]) -> list[Exchange]:
        answers: list[Exchange] = []
        try:
            for frame in frames[:-1]:
                await self._websocket.post(frame)
        except NoResponse as error:
            sent_at = time.monotonic() - self._began
            answers = [Exchange(frames[0], sent_at, 0, None, str(error), close_code=error.close_code)]
        else:
            answers = [await self._attempt(frames[-1])]
        while len(answers) < len(frames):  # What is missing after a silence is not waited for again.
            silent = answers[-1].response is None
            answers.append(answers[-1] if silent else await self._receive(frames[0].lane, self.timeout))
        return [with_(answer, request=frame, is_push=False) for frame, answer in zip(frames, answers, strict=True)]

    async def _answer_to(self, request: Request | Frame) -> Response | Received:
        if isinstance(request, Request):
            return await self._http.send(request)
        return await self._websocket.send(request)

    async def _await_push(self, lane: bytes) -> Exchange | None:
        exchange = await self._receive(lane, min(_PUSH_SECONDS, self.timeout), counts=False)
        return exchange if exchange.response is not None or exchange.close_code is not None else None

    async def _receive(self, lane: bytes, seconds: float, *, counts: bool = True) -> Exchange:
        answer = self._websocket.receive(lane, seconds)
        exchange = await self._timed(self._last[lane], answer, counts=counts)
        return with_(exchange, is_push=True)

    async def _timed(
        self, request: Request | Frame, answer: Coroutine[Any, Any, Response | Received], *, counts: bool = True
    ) -> Exchange:
        """Wait for an answer; silences are counted, for a target that has gone."""
        sent_at = time.monotonic()
        response, failure, close_code = None, None, None
        try:
            response = await answer
            self._silences = 0
        except NoResponse as error:
            failure, close_code = str(error), error.close_code
            self._silences += counts and close_code is None
        seconds = time.monotonic() - sent_at
        return Exchange(request, sent_at - self._began, seconds, response, failure, close_code=close_code)

    async def _hang_up_all(self) -> None:
        await asyncio.gather(*(self._hang_up(lane) for lane in self._websocket.lanes()))
        self._last.clear()
        self._lanes.clear()

    async def _hang_up(self, lane: bytes) -> None:
        farewells = self.notes.guests.farewells(lane)
        try:
            for message in farewells:
                await self._websocket.post(with_(Frame.of(message), lane=lane))
        except NoResponse:
            return
        finally:
            self.notes.guests.closed(lane)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._websocket.close(lane)


def _says_nothing(exchange: Exchange) -> bool:
    """Tell whether an answer is a bare acknowledgement."""
    message = exchange.message
    if isinstance(message, Breach):
        return False
    return {field.name for field, _ in message.ListFields()} <= {"instance_uid", "capabilities", "flags"}


def _apart(request: Request | Frame, before: Sequence[Request | Frame]) -> Request | Frame:
    """Give frames of one instance_uid that are sent at once a connection each, as of different machines."""
    if not isinstance(request, Frame):
        return request
    same = sum(isinstance(other, Frame) and other.lane == request.lane for other in before)
    return with_(request, lane=request.lane + bytes([same])) if same else request


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Make the context for https; raises CannotTell, naming the file that cannot be used."""
    for path in (tls.ca, tls.cert, tls.key):
        if path is not None and not path.is_file():
            raise CannotTell(f"cannot read {path}: there is no such file")
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except (OSError, ssl.SSLError) as error:
        raise CannotTell(f"cannot use {tls.ca} as certificate authority: it is no readable PEM file") from error
    if tls.cert is not None:
        try:
            context.load_cert_chain(tls.cert, tls.key, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            raise CannotTell(
                f"cannot use the client certificate {tls.cert} with the key {tls.key or tls.cert}: {error}"
            ) from error
    elif tls.key is not None:
        raise CannotTell("--key needs --cert")
    return context


def _no_password() -> str:
    """Stand in for OpenSSL's prompt, which would wait for ever in CI."""
    return ""
