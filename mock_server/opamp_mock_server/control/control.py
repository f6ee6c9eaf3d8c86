"""The control plane: it lets an operator, a test or the conformance suite trigger what the server does.

docs/control-plane.md describes it for users and for implementers of other servers; openapi.json is for programs.
"""

from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs

from opamp_mock_server.control.agent import AgentControl
from opamp_mock_server.control.bodies import InvalidRequestError
from opamp_mock_server.control.server import RunningServer, ServerControl
from opamp_mock_server.service.message_log import MessageLog
from opamp_mock_server.service.scripted_answers import TooManyScriptsError
from opamp_mock_server.service.service import Service
from opamp_mock_server.service.traffic import Traffic
from opamp_mock_server.stores.store import ConflictError, StoreRefusedError, StoreUnavailableError
from opamp_mock_server.transports.http_messages import CONTROL_PATH, Request, RequestRefusedError, Response

__all__ = ["Control", "RunningServer"]

_HTML: Final = b"text/html; charset=utf-8"
_ALONE: Final = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
     b"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)  # fmt: skip


class Control:
    """Answers requests about one agent, and about the whole server."""

    def __init__(
        self,
        service: Service,
        machine: RunningServer,
        message_log: MessageLog,
        traffic: Traffic,
        *,
        is_local: bool,
    ) -> None:
        """``is_local`` means that the server listens only on a loopback address."""
        self._agent = AgentControl(service)
        self._server = ServerControl(service, machine, message_log, traffic)
        self._is_local = is_local

    def page(self, request: Request) -> Response:
        """Return the live page. It needs no key, because it contains no data. Raises RequestRefusedError."""
        if request.method not in ("GET", "HEAD"):
            raise RequestRefusedError(405, "the live page supports GET and HEAD", (b"allow", b"GET, HEAD"))
        if not self._is_local:
            raise RequestRefusedError(
                403, "the live page is available only if the server listens on a loopback address"
            )
        return Response(200, files(__package__).joinpath("page.html").read_bytes(), _ALONE, _HTML)

    async def respond(self, request: Request, body: bytes) -> Response:
        """Answer a request to the control plane. Raises RequestRefusedError."""
        collection, slash, rest = request.path.removeprefix(f"{CONTROL_PATH}/").partition("/")
        try:
            if collection == "agents" and slash:
                name, _, resource = rest.partition("/")
                return await self._agent.respond(request.method, name, resource, body)
            query = parse_qs(request.query.decode("latin-1"), keep_blank_values=True)
            return await self._server.respond(request.method, collection + slash + rest, query, body)
        except InvalidRequestError as unfit:
            raise RequestRefusedError(400, str(unfit)) from unfit
        except TooManyScriptsError as error:
            raise RequestRefusedError(503, str(error)) from error
        except (ConflictError, StoreUnavailableError, StoreRefusedError) as error:
            raise RequestRefusedError(503, f"the store cannot do that now: {error}") from error
