"""What both transports have in common: how to reach the server, and a connection to it."""

import re
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final, Protocol

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.errors import ConnectionFailedError, SettingsError
from opamp_mock_agent.settings import AgentSettings
from opamp_mock_agent.transports.proxy import Proxy, url_of
from opamp_proto import opamp_pb2 as pb

CONNECT_SECONDS: Final = 10.0
MAX_BYTES: Final = 64 * 1024 * 1024
"""The largest message that the agent reads and sends (size.ws.default, size.http.default)."""
_AES: Final = re.compile("AES_(?=128|256)")
_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class Route:
    """How to reach the server: the agent's own settings, and what the server has given it."""

    url: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None
    proxy: Proxy | None = None

    @property
    def is_websocket(self) -> bool:
        return self.url.startswith("ws")


class Connection(Protocol):
    """A connection to the server. Its methods raise ConnectionFailedError."""

    async def send(self, message: pb.AgentToServer) -> None:
        """Send a message."""

    async def receive(self) -> pb.ServerToAgent:
        """Wait for a message of the server."""

    async def close(self, *, with_close_frame: bool = True) -> None:
        """Close the connection."""


def route_of(settings: AgentSettings, given: pb.OpAMPConnectionSettings, behaviour: Behaviour) -> Route:
    """Return the route by the agent's settings and those that it was given; raises SettingsError."""
    url = given.destination_endpoint or settings.url
    headers = dict(settings.headers)
    if behaviour.uses_offered_headers:
        headers |= {header.key: header.value for header in given.headers.headers}
    is_secure = url.startswith(("https", "wss"))
    context = _context(settings, given, behaviour) if is_secure else None
    return Route(url, headers, context, _proxy(given.proxy, behaviour))


def retry_after(headers: Mapping[str, str], *, reads_dates: bool) -> float | None:
    """Return the seconds that a response asks to wait, as a number or as a date; None if it does not."""
    text = headers.get("Retry-After", "")
    with suppress(ValueError):
        return max(0.0, float(text))
    if not reads_dates:
        return None
    with suppress(ValueError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return None


def refused(status: int, headers: Mapping[str, str], *, reads_dates: bool) -> ConnectionFailedError:
    """Return the error for a response with a status that is no success."""
    return ConnectionFailedError(
        f"the server answers with the status {status}",
        retry_after=retry_after(headers, reads_dates=reads_dates),
        is_refusal=True,
        is_too_large=status == 413,
    )


def _proxy(offered: pb.ProxyConnectionSettings, behaviour: Behaviour) -> Proxy | None:
    if not offered.url or not behaviour.uses_offered_proxy:
        return None
    sent = offered.connect_headers.headers if behaviour.sends_proxy_headers else ()
    return Proxy(url_of(offered), {header.key: header.value for header in sent})


def _context(settings: AgentSettings, given: pb.OpAMPConnectionSettings, behaviour: Behaviour) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        if given.tls.ca_pem_contents and behaviour.uses_offered_ca:
            context.load_verify_locations(cadata=given.tls.ca_pem_contents)
        if given.certificate.ca_cert and behaviour.trusts_ca_of_certificate:
            context.load_verify_locations(cadata=given.certificate.ca_cert.decode())
        is_skipped = given.tls.insecure_skip_verify and behaviour.skips_verification_if_asked
        if is_skipped or not behaviour.verifies_certificates:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if not behaviour.checks_hostname:
            context.check_hostname = False
        _limit_versions(context, given.tls, behaviour)
        if behaviour.obeys_cipher_suites:
            _limit_suites(context, given.tls.cipher_suites)
        if given.certificate.cert and behaviour.uses_offered_certificate:
            load_certificate(context, given.certificate)
        elif settings.cert is not None:
            context.load_cert_chain(settings.cert, settings.key)
    except (OSError, ValueError) as error:
        raise SettingsError(f"the certificates cannot be used: {error}") from error
    return context


def _limit_versions(context: ssl.SSLContext, offered: pb.TLSConnectionSettings, behaviour: Behaviour) -> None:
    lowest, highest = (text.removeprefix("TLSv") for text in (offered.min_version, offered.max_version))
    context.minimum_version = _VERSIONS.get(lowest if behaviour.obeys_min_version else "", ssl.TLSVersion.TLSv1_2)
    if highest in _VERSIONS and behaviour.obeys_max_version:
        context.maximum_version = _VERSIONS[highest]


def _limit_suites(context: ssl.SSLContext, suites: Sequence[str]) -> None:
    """Use only some suites, by their registered names. Those of TLS 1.3 cannot be chosen. Raises OSError."""
    names = [name.partition("_WITH_") for name in suites if "_WITH_" in name]
    chosen = [f"{exchange.removeprefix('TLS_')}-{_AES.sub('AES', cipher)}" for exchange, _, cipher in names]
    if chosen:
        context.set_ciphers(":".join(chosen).replace("_", "-"))


def load_certificate(context: ssl.SSLContext, certificate: pb.TLSCertificate) -> None:
    """Load a certificate that is not in a file; the library reads files only."""
    import tempfile  # noqa: PLC0415 - needed for certificates only

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "certificate.pem")
        path.touch(mode=0o600)
        path.write_bytes(certificate.cert + b"\n" + certificate.private_key)
        context.load_cert_chain(path)
