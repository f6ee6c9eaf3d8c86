"""A mock server without a network: requests and WebSocket messages go straight into it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opamp_mock_server import Contract, Deviation, DeviationError, Settings
from opamp_mock_server.assembly import connect_parts
from opamp_mock_server.metrics import Metrics
from opamp_mock_server.routing import PortRouter
from opamp_mock_server.settings import Endpoint
from opamp_mock_server.transports.http_messages import Request, RequestRefusedError, Response
from opamp_proto import CONTENT_TYPE

PATH = "/v1/opamp"
TYPED = {"content-type": CONTENT_TYPE, "host": "127.0.0.1:4320"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class NoMachine:
    """Takes the place of the running server: it has no connections, and its deviations cannot change."""

    deviations: Sequence[Deviation] = ()
    endpoints: Sequence[Endpoint] = ()
    is_ending = False

    def deviate(self, deviations: Sequence[Deviation]) -> None:
        raise DeviationError("this server does not run")

    def restore_deviations(self) -> None:
        """Nothing has changed."""

    def abort_connections(self) -> None:
        """There are no connections."""


@dataclass
class InMemory:
    """Runs the parts of a server. Their exceptions are raised here."""

    settings: Settings = field(default_factory=lambda: Settings(contract=Contract.OPAMP, max_body_bytes=64 * 1024))

    def __post_init__(self) -> None:
        url = f"http://127.0.0.1:4320{PATH}"
        parts = connect_parts(self.settings, [url], Metrics(), NoMachine())
        self.router: PortRouter = parts.router
        self.service = parts.service
        self._runner = asyncio.Runner()

    def __enter__(self) -> "InMemory":
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def request(
        self, body: bytes, method: str = "POST", path: str = PATH, headers: Mapping[str, str] | None = None
    ) -> Answer:
        named = TYPED if headers is None else headers
        lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
        response = self._runner.run(self._answer(Request(method, path, lines), body))
        names = {name.decode(): value.decode() for name, value in response.headers}
        return Answer(response.status, {"content-type": response.content_type.decode(), **names}, response.body)

    async def _answer(self, request: Request, body: bytes) -> Response:
        try:
            return await self.router.at(0).open(request)(body)
        except RequestRefusedError as refused:
            return refused.response

    def talk(self, messages: Sequence[bytes | str]) -> list[bytes | str]:
        """Open a WebSocket, send messages, and close it; return what the server sent."""
        return self._runner.run(self._talk(messages))

    async def _talk(self, messages: Sequence[bytes | str]) -> list[bytes | str]:
        socket, endpoint = _Socket(), self.router.at(0).websocket
        connection = endpoint.open(Request("GET", PATH, ()), socket)
        for message in messages:
            await endpoint.receive(message, connection)
        await endpoint.ended(connection)
        return socket.sent


class _Socket:
    """Keeps what is sent."""

    has_close_frame = True

    def __init__(self) -> None:
        self.sent: list[bytes | str] = []

    async def send(self, message: bytes | str) -> None:
        self.sent.append(message)

    def close(self, code: int) -> None:
        raise AssertionError(f"the server closes the WebSocket with {code}")
