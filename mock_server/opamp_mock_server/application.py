"""Which part of the server answers what; and ASGI, as far as uvicorn needs it: WebSockets, beginning and end."""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final

from opamp_mock_server.admission import Admission
from opamp_mock_server.control import Control, guard
from opamp_mock_server.core.packages import DOWNLOADS
from opamp_mock_server.downloads import Downloads
from opamp_mock_server.http import CONTROL, PATH, Answer, Refused, Request, RequestHeaders, Response, unauthorized
from opamp_mock_server.metrics import EXPOSITION, Metrics
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_mock_server.transports.websocket import Receive, Scope, Send, WebSocketEndpoint

Lifespan = Callable[[], AbstractAsyncContextManager[None]]
"""What is at work while the server serves."""

METRICS: Final = "/metrics"
HEALTH: Final = "/healthz"
_PAGE: Final = (CONTROL, f"{CONTROL}/")
_TEXT: Final = b"text/plain; charset=utf-8"


class Application:
    """One instance of the server. ``control`` is None where nobody may control the server."""

    def __init__(
        self,
        http: HttpEndpoint,
        websocket: WebSocketEndpoint,
        downloads: Downloads,
        control: Control | None,
        admission: Admission,
        metrics: Metrics,
        lifespan: Lifespan,
    ) -> None:
        self._http = http
        self._websocket = websocket
        self._downloads = downloads
        self._control = control
        self._admission = admission
        self._metrics = metrics
        self._lifespan = lifespan

    def open(self, request: Request) -> Answer:
        """Return what answers the body of a request; raises Refused for one whose body does not matter."""
        path = request.path
        if path == PATH:
            return self._http.open(request)
        if path.startswith(DOWNLOADS):
            return partial(self._download, request)
        if path in _PAGE or path.startswith(f"{CONTROL}/"):
            return self._open_control(request)
        if path == METRICS:
            self._require_key(request)
            return self._show_metrics
        if path == HEALTH:
            return _say_that_it_serves
        return self._http.open(request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()  # lifespan.startup
            async with self._lifespan():
                await send({"type": "lifespan.startup.complete"})
                with contextlib.suppress(asyncio.CancelledError):  # Whoever presses Ctrl-C twice does not wait for it.
                    await receive()  # lifespan.shutdown
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await self._websocket(scope, receive, send)

    def _open_control(self, request: Request) -> Answer:
        if self._control is None:
            raise Refused(404, "the control plane is off")
        guard.require_own_page(request, is_open=self._admission.policy_of(None) is not None)
        if request.path in _PAGE:
            return partial(_show, self._control.page(request))
        self._require_key(request)
        return partial(self._operate, self._control, request)

    def _require_key(self, request: Request) -> None:
        if RequestHeaders.of(request.headers, self._admission).policy_id is None:
            raise unauthorized()

    async def _operate(self, control: Control, request: Request, body: bytes) -> Response:
        try:
            return await control.respond(request, body)
        except Refused as refused:
            return refused.response

    async def _download(self, request: Request, body: bytes) -> Response:
        try:
            return await self._downloads.respond(request)
        except Refused as refused:
            return refused.response

    async def _show_metrics(self, body: bytes) -> Response:
        return Response(200, self._metrics.exposition(), content_type=EXPOSITION)


class ByPort:
    """Hands everything to the instance at whose port it comes in; the first one minds the backend."""

    def __init__(self, applications: dict[int, Application]) -> None:
        self._applications = applications
        self._first = next(iter(applications.values()))

    def at(self, port: int) -> Callable[[Request], Answer]:
        """Return what takes the requests that come in at a port to what answers them."""
        return self._applications.get(port, self._first).open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        server: Any = scope.get("server") or (None, None)
        await self._applications.get(server[1], self._first)(scope, receive, send)


async def _show(response: Response, body: bytes) -> Response:
    return response


async def _say_that_it_serves(body: bytes) -> Response:
    return Response(200, b"serving\n", content_type=_TEXT)
