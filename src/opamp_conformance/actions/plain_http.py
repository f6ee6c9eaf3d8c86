"""Requests of plain HTTP that differ from the ordinary one: headers, credentials, compression, connections."""

import secrets
import string
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Final

from opamp_conformance.actions.preconditions import require_accepted
from opamp_conformance.client.agent import Agent
from opamp_conformance.client.client import Client
from opamp_conformance.client.sample_messages import with_large_configuration
from opamp_conformance.errors import NotApplicableError
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest

_LEAST_KEY: Final = 16


class PlainHttpActions:
    """Sends an agent's reports as HTTP requests of any form."""

    def __init__(self, client: Client, run_id: str) -> None:
        self._client = client
        self._run_id = run_id

    def require_credentials_given(self) -> None:
        """Raise NotApplicableError if no credentials were given, because then none can be left out."""
        if not self._client.has_credentials:
            raise NotApplicableError("no Authorization header was given for this target, so none can be left out")

    def require_credentials(self) -> None:
        """Raise NotApplicableError if no credentials were given, or the server does not ask for them."""
        self.require_credentials_given()
        if not self._asks_for_credentials:
            raise NotApplicableError("the server does not ask for the credentials that were given")

    @cached_property
    def _asks_for_credentials(self) -> bool:
        return any(exchange.is_refused for exchange in self.reports_without_valid_credentials(Agent(self._run_id)))

    def reports_without_valid_credentials(self, agent: Agent) -> list[Exchange]:
        """Report without credentials, and with wrong ones."""
        return [self.report(agent, {}, with_credentials=False), self.report_with_wrong_credentials(agent)]

    def report(self, agent: Agent, headers: Mapping[str, str | None], *, with_credentials: bool = True) -> Exchange:
        """Report the full status with HTTP headers that differ from the ordinary ones; None removes a header."""
        request = HttpRequest.of(agent.full_status()).with_headers(headers, with_credentials=with_credentials)
        return self._client.deliver(request)

    def report_with_wrong_credentials(self, agent: Agent) -> Exchange:
        return self.report(agent, wrong_credentials(self._client.endpoint.headers), with_credentials=False)

    def report_with_longer_credentials(self, agent: Agent) -> Exchange:
        """Report with credentials that begin like the right ones, and go on."""
        right = next(value for name, value in self._client.endpoint.headers.items() if name.lower() == "authorization")
        return self.report(agent, {"Authorization": f"{right}0"}, with_credentials=False)

    def ordinary_key(self) -> str:
        """Return an Authorization header with an API key that is no enrollment key; raises NotApplicableError."""
        return _given(self._client.endpoint.other_keys.ordinary, "--ordinary-key-env")

    def retired_key(self) -> str:
        """Return an Authorization header with a retired enrollment key; raises NotApplicableError."""
        return _given(self._client.endpoint.other_keys.retired, "--retired-key-env")

    def report_with_key(self, agent: Agent, authorization: str) -> Exchange:
        """Report once with another Authorization header. Fleet Server refuses an ordinary key as Unavailable."""
        request = HttpRequest.of(agent.full_status())
        headers = {"Authorization": authorization}
        return self._client.deliver_once(request.with_headers(headers, with_credentials=False))

    def report_compressed(
        self, agent: Agent, members: int = 1, headers: Mapping[str, str | None] | None = None
    ) -> Exchange:
        request = HttpRequest.of(agent.full_status()).compressed(members)
        return self._client.deliver(request.with_headers(headers or {}))

    def report_large_compressed(self, agent: Agent, size: int) -> Exchange:
        return self._client.deliver(HttpRequest.of(with_large_configuration(agent, size)).compressed())

    def report_compressed_as(self, agent: Agent, name: str) -> Exchange:
        """Report in gzip, with another name of that encoding in the header."""
        request = HttpRequest.of(agent.full_status()).compressed()
        return self._client.deliver(request.with_headers({"Content-Encoding": name}))

    def report_in_chunks(self, agent: Agent) -> Exchange:
        """Report in a body of unknown length (RFC 9112, section 7.1)."""
        return self._client.deliver(replace(HttpRequest.of(agent.full_status()), is_chunked=True))

    def report_in_named_gzip(self, agent: Agent) -> Exchange:
        """Report in gzip whose header has the optional name of a file (RFC 1952, section 2.3)."""
        return self._client.deliver(HttpRequest.of(agent.full_status()).compressed(name="message"))

    def check_in_compressed(self, agent: Agent) -> Exchange:
        return self._client.deliver(HttpRequest.of(agent.check_in()).compressed())

    def disconnect_compressed(self, agent: Agent, *, flags: int = 0) -> Exchange:
        return self._client.deliver(HttpRequest.of(agent.disconnect(flags=flags)).compressed())

    def accepted_compressed_report(self, agent: Agent) -> Exchange:
        return require_accepted(self.report_compressed(agent))

    def check_in_and_close(self, agent: Agent) -> Exchange:
        """Check in over an HTTP connection that ends with the response (RFC 9112, section 9.6)."""
        return self._client.deliver(HttpRequest.of(agent.check_in()).with_headers({"Connection": "close"}))

    def get(self) -> Exchange:
        """Send a GET to the endpoint."""
        return self._client.deliver(HttpRequest(b"", method="GET", headers={}))


def _given(key: str | None, option: str) -> str:
    if key is None:
        raise NotApplicableError(f"no such key was given: see {option}")
    return key


def wrong_credentials(right: Mapping[str, str]) -> dict[str, str]:
    """Make an Authorization header with a key that no server knows, in the scheme and the length of the right one."""
    given = next((value for name, value in right.items() if name.lower() == "authorization"), "")
    scheme, _, key = given.rpartition(" ")
    alphabet = string.ascii_letters + string.digits
    wrong = "".join(secrets.choice(alphabet) for _ in range(max(len(key), _LEAST_KEY)))
    return {"Authorization": f"{scheme or 'ApiKey'} {wrong}"}
