"""The control plane: how an operator, a test or the conformance suite has the server act, and sees what it did.

docs/control-plane.md describes it for implementers and users; openapi.json, beside this, for machines.
"""

from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs

from opamp_mock_server.control.agent import AgentControl
from opamp_mock_server.control.bodies import Unfit
from opamp_mock_server.control.server import Machine, ServerControl
from opamp_mock_server.http import CONTROL, Refused, Request, Response
from opamp_mock_server.recording import Recording
from opamp_mock_server.service import Service
from opamp_mock_server.stores import Conflict, StoreRefused, StoreUnavailable

__all__ = ["Control", "Machine"]

_HTML: Final = b"text/html; charset=utf-8"
_ALONE: Final = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
     b"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)  # fmt: skip


class Control:
    """Does what is asked for one agent, who need not be there yet, or for the whole server."""

    def __init__(self, service: Service, machine: Machine, recording: Recording, *, is_local: bool) -> None:
        """``is_local`` says that the server listens to this machine alone."""
        self._agent = AgentControl(service)
        self._server = ServerControl(service, machine, recording)
        self._is_local = is_local

    def page(self, request: Request) -> Response:
        """Return the live page; raises Refused. It needs no key, as it asks for all that it shows."""
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, "the live page is only looked at", (b"allow", b"GET, HEAD"))
        if not self._is_local:
            raise Refused(403, "the live page is shown only where the server listens on a loopback address")
        return Response(200, files(__package__).joinpath("page.html").read_bytes(), _ALONE, _HTML)

    async def respond(self, request: Request, body: bytes) -> Response:
        """Answer a request below the prefix; raises Refused."""
        collection, slash, rest = request.path.removeprefix(f"{CONTROL}/").partition("/")
        try:
            if collection == "agents" and slash:
                name, _, resource = rest.partition("/")
                return await self._agent.respond(request.method, name, resource, body)
            query = parse_qs(request.query.decode("latin-1"), keep_blank_values=True)
            return await self._server.respond(request.method, collection + slash + rest, query, body)
        except Unfit as unfit:
            raise Refused(400, str(unfit)) from unfit
        except (Conflict, StoreUnavailable, StoreRefused) as error:
            raise Refused(503, f"the store cannot do that now: {error}") from error
