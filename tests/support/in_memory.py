"""A mock server without a network: requests and WebSocket messages go straight into it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opamp_mock_server import Contract, Deviation, DeviationError, Settings
from opamp_mock_server.assembly import connect_parts
from opamp_mock_server.metrics import Metrics
from opamp_mock_server.routing import PortRouter
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
            return await self.router.at(0)(request)(body)
        except RequestRefusedError as refused:
            return refused.response

    def talk(self, messages: Sequence[bytes | str]) -> list[dict[str, Any]]:
        """Open a WebSocket, send messages, and close it; return what the server sent, beginning with the acceptance."""
        events = [{"type": "websocket.connect"}]
        for message in messages:
            kind = "text" if isinstance(message, str) else "bytes"
            events.append({"type": "websocket.receive", kind: message})  # type: ignore[dict-item]
        events.append({"type": "websocket.disconnect", "code": 1000})  # type: ignore[dict-item]
        waiting, sent = iter(events), []

        async def receive() -> dict[str, Any]:
            return next(waiting)

        async def send(event: dict[str, Any]) -> None:
            sent.append(event)

        self._runner.run(self.router({"type": "websocket", "path": PATH, "headers": []}, receive, send))
        return sent
