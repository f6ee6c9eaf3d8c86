"""Ways to break what the specification says of authentication."""

from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import RequestHeaders, RequestRefusedError
from opamp_mock_server.transports.plain_http import HttpEndpoint


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
