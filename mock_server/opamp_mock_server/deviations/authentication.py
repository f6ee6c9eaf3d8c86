"""Deviations from Authentication: wrong status codes, and clients that are accepted without valid credentials."""

import asyncio

from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import Request, RequestHeaders, RequestRefusedError
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_mock_server.transports.websocket import Socket, WebSocketConnection, WebSocketEndpoint

_POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1


@breaks("auth.401", also=["auth.without-credentials"])
class UnauthenticatedForbidden(HttpEndpoint):
    """A plain HTTP request without valid credentials is rejected with 403 instead of 401."""

    def unauthorized(self) -> RequestRefusedError:
        return RequestRefusedError(403, "an enrollment key is needed")


@breaks("auth.before-upgrade:anyone")
class AuthenticationSkipped(HttpEndpoint):
    """Plain HTTP requests are accepted without authentication."""

    def require_admission(self, headers: RequestHeaders) -> None:
        pass


@breaks("auth.without-credentials")
class FirstUseTrusted(HttpEndpoint):
    """Plain HTTP requests without any credentials are accepted."""

    def require_admission(self, headers: RequestHeaders) -> None:
        if headers.authorization is not None:
            super().require_admission(headers)


@breaks("auth.401:any-key", also=["fleet.enrollment-key.ordinary", "fleet.enrollment-key.retired"])
class AnyCredentialsAccepted(HttpEndpoint):
    """Plain HTTP requests are accepted with any credentials."""

    def require_admission(self, headers: RequestHeaders) -> None:
        if headers.authorization is None:
            raise self.unauthorized()


@breaks("auth.401:too-long")
class BeginningOfCredentialsCompared(HttpEndpoint):
    """Plain HTTP requests are accepted with one character more than the right credentials."""

    def require_admission(self, headers: RequestHeaders) -> None:
        right = headers.authorization[:-1] if headers.authorization is not None else None
        if self._authenticator.policy_of(right) is None:
            super().require_admission(headers)


@breaks("auth.401:websocket", also=["auth.without-credentials"])
class UnauthenticatedWebSocketForbidden(WebSocketEndpoint):
    """A WebSocket handshake without valid credentials is rejected with 403 instead of 401."""

    def unauthorized(self) -> RequestRefusedError:
        return RequestRefusedError(403, "an enrollment key is needed")


@breaks("auth.before-upgrade", also=["auth.401", "auth.without-credentials"])
class ClosedAfterUpgrade(WebSocketEndpoint):
    """A WebSocket without valid credentials is accepted, and closed only after the upgrade."""

    def require_admission(self, headers: RequestHeaders) -> None:
        pass

    def open(self, request: Request, socket: Socket) -> WebSocketConnection:
        connection = super().open(request, socket)
        if self._authenticator.policy_of(connection.authorization) is None:
            asyncio.get_running_loop().call_soon(socket.close, _POLICY_VIOLATION)
        return connection
