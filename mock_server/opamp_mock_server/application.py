"""The server's paths: the endpoint of both transports, the files of packages, and the control plane."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from opamp_mock_server.admission import Admission
from opamp_mock_server.control import PREFIX, Control
from opamp_mock_server.core.packages import DOWNLOADS
from opamp_mock_server.downloads import Downloads
from opamp_mock_server.http import (
    HttpEndpoint,
    Receive,
    Refused,
    RequestHeaders,
    Response,
    Scope,
    Send,
    read_body,
    send_response,
    unauthorized,
)
from opamp_mock_server.websocket import WebSocketEndpoint

Lifespan = Callable[[], AbstractAsyncContextManager[None]]
"""What is at work while the server serves."""


class Application:
    """The ASGI application. ``control`` is None where nobody may control the server."""

    def __init__(
        self,
        http: HttpEndpoint,
        websocket: WebSocketEndpoint,
        downloads: Downloads,
        control: Control | None,
        admission: Admission,
        max_body_bytes: int,
        lifespan: Lifespan,
    ) -> None:
        self._http = http
        self._websocket = websocket
        self._downloads = downloads
        self._control = control
        self._admission = admission
        self._max_body_bytes = max_body_bytes
        self._lifespan = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()  # lifespan.startup
            async with self._lifespan():
                await send({"type": "lifespan.startup.complete"})
                await receive()  # lifespan.shutdown
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["path"].startswith((DOWNLOADS, PREFIX)):
            await send_response(await self._aside(scope, receive), send)
        else:
            await self._http(scope, receive, send)

    async def _aside(self, scope: Scope, receive: Receive) -> Response:
        """Answer what is no OpAMP."""
        path: str = scope["path"]
        try:
            if path.startswith(DOWNLOADS):
                return await self._downloads.respond(scope)
            if self._control is None:
                raise Refused(404, "the control plane is off")
            if self._admission.policy_of(RequestHeaders.of(scope["headers"]).authorization) is None:
                raise unauthorized()
            body = await read_body(receive, self._max_body_bytes)
            return await self._control.respond(scope["method"], path, body)
        except Refused as refused:
            return refused.response
