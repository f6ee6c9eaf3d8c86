"""Deviations from Authentication: wrong status codes, and clients that are accepted without valid credentials."""

from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import RequestHeaders, RequestRefusedError
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_mock_server.transports.websocket import Receive, Scope, Send, WebSocketEndpoint


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


@breaks("auth.401:any-key")
class AnyCredentialsAccepted(HttpEndpoint):
    """Plain HTTP requests are accepted with any credentials."""

    def require_admission(self, headers: RequestHeaders) -> None:
        if headers.authorization is None:
            raise self.unauthorized()


@breaks("auth.401:websocket", also=["auth.without-credentials"])
class UnauthenticatedWebSocketForbidden(WebSocketEndpoint):
    """A WebSocket handshake without valid credentials is rejected with 403 instead of 401."""

    def unauthorized(self) -> RequestRefusedError:
        return RequestRefusedError(403, "an enrollment key is needed")


@breaks("auth.before-upgrade", also=["auth.401", "auth.without-credentials"])
class ClosedAfterUpgrade(WebSocketEndpoint):
    """A WebSocket without valid credentials is accepted, and closed only after the upgrade."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        authorization = dict(scope["headers"]).get(b"authorization")
        if self._authenticator.policy_of(authorization) is not None:
            await super().__call__(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1008})
