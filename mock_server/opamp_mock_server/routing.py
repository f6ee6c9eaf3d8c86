"""Finds the part of the server that answers a request, by its path; it has the part of ASGI that uvicorn needs.

That is only the lifespan: HTTP requests and WebSockets do not pass ASGI.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final

from opamp_mock_server.control import guard
from opamp_mock_server.control.control import Control
from opamp_mock_server.core.packages import DOWNLOADS
from opamp_mock_server.limits.authentication import Authenticator
from opamp_mock_server.metrics import EXPOSITION, Metrics
from opamp_mock_server.service.traffic import Traffic
from opamp_mock_server.transports.downloads import Downloads
from opamp_mock_server.transports.http_messages import (
    CONTROL_PATH,
    ENDPOINT_PATH,
    Request,
    RequestHeaders,
    RequestRefusedError,
    Responder,
    Response,
    unauthorized,
)
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_mock_server.transports.websocket import WebSocketEndpoint

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Lifespan = Callable[[], AbstractAsyncContextManager[None]]
"""A context that is open while the server serves."""

METRICS: Final = "/metrics"
HEALTH: Final = "/healthz"
_PAGE: Final = (CONTROL_PATH, f"{CONTROL_PATH}/")
_TEXT: Final = b"text/plain; charset=utf-8"


class InstanceRouter:
    """Routes the requests of one instance of the server. ``control`` is None if the control plane is off."""

    def __init__(
        self,
        http: HttpEndpoint,
        websocket: WebSocketEndpoint,
        downloads: Downloads,
        control: Control | None,
        authenticator: Authenticator,
        metrics: Metrics,
        traffic: Traffic,
        lifespan: Lifespan,
    ) -> None:
        self._http = http
        self.websocket = websocket
        self._downloads = downloads
        self._control = control
        self._authenticator = authenticator
        self._metrics = metrics
        self._traffic = traffic
        self._lifespan = lifespan

    def note_refusal(self, status: int) -> None:
        """Note a connection that ends with this status, because it has no request that can be read."""
        self._traffic.unreadable(status)

    def open(self, request: Request) -> Responder:
        """Return the responder that answers the request when its body has arrived.

        Raises RequestRefusedError for a request that is refused with any body.
        """
        path = request.path
        if path == ENDPOINT_PATH:
            return self._http.open(request)
        if path.startswith(DOWNLOADS):
            return partial(self._download, request)
        if path in _PAGE or path.startswith(f"{CONTROL_PATH}/"):
            return self._open_control(request)
        if path == METRICS:
            self._require_key(request)
            return self._show_metrics
        if path == HEALTH:
            return _report_health
        return self._http.open(request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        async with self._lifespan():
            await send({"type": "lifespan.startup.complete"})
            with contextlib.suppress(asyncio.CancelledError):  # A second Ctrl-C ends the wait.
                await receive()  # lifespan.shutdown
        await send({"type": "lifespan.shutdown.complete"})

    def _open_control(self, request: Request) -> Responder:
        if self._control is None:
            raise RequestRefusedError(404, "the control plane is off")
        guard.require_own_page(request, is_open=self._authenticator.policy_of(None) is not None)
        if request.path in _PAGE:
            return partial(_show, self._control.page(request))
        self._require_key(request)
        return partial(self._operate, self._control, request)

    def _require_key(self, request: Request) -> None:
        if RequestHeaders.of(request.headers, self._authenticator).policy_id is None:
            raise unauthorized()

    async def _operate(self, control: Control, request: Request, body: bytes) -> Response:
        try:
            return await control.respond(request, body)
        except RequestRefusedError as refused:
            return refused.response

    async def _download(self, request: Request, body: bytes) -> Response:
        try:
            return await self._downloads.respond(request)
        except RequestRefusedError as refused:
            return refused.response

    async def _show_metrics(self, body: bytes) -> Response:
        return Response(200, self._metrics.exposition(), content_type=EXPOSITION)


class PortRouter:
    """Routes everything to the instance that listens on the port; the first instance opens the backend."""

    def __init__(self, applications: dict[int, InstanceRouter]) -> None:
        self._applications = applications
        self._first = next(iter(applications.values()))

    def at(self, port: int) -> InstanceRouter:
        """Return the router of the instance that listens on a port."""
        return self._applications.get(port, self._first)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._first(scope, receive, send)


async def _show(response: Response, body: bytes) -> Response:
    return response


async def _report_health(body: bytes) -> Response:
    return Response(200, b"serving\n", content_type=_TEXT)
