"""The client that speaks for the tester's agents: it delivers requests, and remembers what came of them."""

import asyncio
import ssl
import time
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Final, TypeVar

from opamp_conformance.errors import CannotTell, Throttled
from opamp_conformance.exchange import Exchange, Request
from opamp_conformance.guests import Guests, LeftBehind
from opamp_conformance.targets import Endpoint, Tls
from opamp_conformance.transports.http import HttpTransport, NoResponse
from opamp_conformance.validation import Findings, check_own
from opamp_proto import opamp_pb2 as pb

T = TypeVar("T")

_FAREWELLS_AT_ONCE: Final = 16
_MAX_ATTEMPTS: Final = 4
# A target that has gone would otherwise cost a timeout for each request that is left.
_MAX_SILENCES: Final = 12


class Client:
    """Speaks to one endpoint, one call an exchange. Use it in a ``with`` block; ``timeout`` is in seconds."""

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        """Prepare to connect; raises CannotTell for certificates that cannot be used."""
        self._endpoint = endpoint
        self._timeout = timeout
        self._tls = tls_context(endpoint.tls)
        self._runner = asyncio.Runner()
        self._began = time.monotonic()
        self._silences = 0
        self.has_credentials: bool = any(name.lower() == "authorization" for name in endpoint.headers)
        self.exchanges: list[Exchange] = []
        self.findings = Findings()
        self.guests = Guests()

    def __enter__(self) -> "Client":
        self._transport = self._run(self._connect())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._transport.__aexit__(None, None, None))
        self._runner.close()

    def send(self, message: pb.AgentToServer) -> Exchange:
        """Deliver a well-formed message in the ordinary way; raises HarnessFault if it is not well-formed."""
        return self.send_at_once([message])[0]

    def send_at_once(self, messages: Sequence[pb.AgentToServer]) -> list[Exchange]:
        """Deliver well-formed messages at the same time: none waits for the answer to another."""
        for message in messages:
            check_own(message)
        return self.deliver_at_once([Request.of(message) for message in messages])

    def deliver(self, request: Request) -> Exchange:
        """Deliver any request."""
        return self.deliver_at_once([request])[0]

    def deliver_at_once(self, requests: Sequence[Request]) -> list[Exchange]:
        """Deliver any requests at the same time."""
        exchanges = self._run(self._exchange_all(requests))
        for exchange in exchanges:
            self.exchanges.append(exchange)
            self.guests.note(exchange)
            self.findings.inspect(exchange)
        return exchanges

    def leave(self) -> LeftBehind:
        """Disconnect every agent that the target may still take for connected."""
        farewells = [Request.of(message) for message in self.guests.farewells()]
        for first in range(0, len(farewells), _FAREWELLS_AT_ONCE):
            try:
                exchanges = self._run(self._exchange_all(farewells[first : first + _FAREWELLS_AT_ONCE]))
            except Throttled:
                break  # What is left connected is told.
            for exchange in exchanges:
                self.guests.note(exchange)
            if all(exchange.response is None for exchange in exchanges):
                break  # The target is gone; the others would only wait for it.
        return self.guests.left_behind()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def _connect(self) -> HttpTransport:
        return HttpTransport(self._endpoint.url, self._endpoint.headers, self._tls, self._timeout)

    async def _exchange_all(self, requests: Sequence[Request]) -> list[Exchange]:
        return list(await asyncio.gather(*(self._exchange(request) for request in requests)))

    async def _exchange(self, request: Request) -> Exchange:
        """Send a request until the server is not too busy for it; raises Throttled."""
        for _ in range(_MAX_ATTEMPTS):
            exchange = await self._attempt(request)
            wait = exchange.retry_after
            if wait is None:
                return exchange
            if wait > self._timeout:
                raise Throttled(f"the server asks to come back in {wait:g} seconds; try again when it is less busy")
            await asyncio.sleep(wait)
        raise Throttled(f"the server was too busy {_MAX_ATTEMPTS} times in a row; try again when it is less busy")

    async def _attempt(self, request: Request) -> Exchange:
        if self._silences >= _MAX_SILENCES:
            reason = f"not sent, as {_MAX_SILENCES} requests in a row got no response"
            return Exchange(request, time.monotonic() - self._began, 0, None, reason)
        sent_at = time.monotonic()
        response, failure = None, None
        try:
            response = await self._transport.send(request)
            self._silences = 0
        except NoResponse as error:
            failure = str(error)
            self._silences += 1
        return Exchange(request, sent_at - self._began, time.monotonic() - sent_at, response, failure)


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Make the context for https; raises CannotTell, naming the file that cannot be used."""
    for path in (tls.ca, tls.cert, tls.key):
        if path is not None and not path.is_file():
            raise CannotTell(f"cannot read {path}: there is no such file")
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except (OSError, ssl.SSLError) as error:
        raise CannotTell(f"cannot use {tls.ca} as certificate authority: it is no readable PEM file") from error
    if tls.cert is not None:
        try:
            context.load_cert_chain(tls.cert, tls.key, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            raise CannotTell(
                f"cannot use the client certificate {tls.cert} with the key {tls.key or tls.cert}: {error}"
            ) from error
    elif tls.key is not None:
        raise CannotTell("--key needs --cert")
    return context


def _no_password() -> str:
    """Stand in for OpenSSL's prompt, which would wait for ever in CI."""
    return ""
