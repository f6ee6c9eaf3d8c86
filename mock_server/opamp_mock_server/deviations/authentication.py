"""Ways to break what the specification says of authentication."""

from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import RequestHeaders, RequestRefusedError
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_mock_server.transports.websocket import (
    Receive,
    Scope,
    Send,
    WebSocketEndpoint,
)


@breaks("auth.401")
class Forbidden(HttpEndpoint):
    """A client that fails to authenticate gets a 403."""

    def unauthorized(self) -> RequestRefusedError:
        return RequestRefusedError(403, "an enrollment key is needed")


@breaks("auth.401:anyone")
class AnyoneAdmitted(HttpEndpoint):
    """Credentials are not looked at."""

    def require_admission(self, headers: RequestHeaders) -> None:
        pass


@breaks("auth.401:any-key")
class AnyKeyAdmitted(HttpEndpoint):
    """Any credentials will do."""

    def require_admission(self, headers: RequestHeaders) -> None:
        if headers.authorization is None:
            raise self.unauthorized()


@breaks("auth.401:websocket")
class ForbiddenWebSocket(WebSocketEndpoint):
    """A WebSocket of a client that fails to authenticate is refused with a 403."""

    def unauthorized(self) -> RequestRefusedError:
        return RequestRefusedError(403, "an enrollment key is needed")


@breaks("auth.before-upgrade", also=["auth.401"])
class OpenToAll(WebSocketEndpoint):
    """A WebSocket opens for everybody; whoever has no key is not answered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        authorization = dict(scope["headers"]).get(b"authorization")
        if self._authenticator.policy_of(authorization) is not None:
            await super().__call__(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1008})
