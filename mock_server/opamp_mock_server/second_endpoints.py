"""Endpoints to offer to agents by connection settings: one that works, and three that do not work for every agent."""

import contextlib
import secrets
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from opamp_mock_server.core.certificate_authority import self_signed
from opamp_mock_server.server import MockServer, netloc
from opamp_mock_server.settings import Endpoint, Settings, Tls


@contextlib.contextmanager
def open_second_endpoints(settings: Settings) -> Iterator[Settings]:
    """Serve the endpoints beside a server; yield its settings with them. Raises ListenError.

    The server itself serves the second endpoint. What comes to the others is not shown by its control plane.
    """
    host = settings.host
    plain = Settings(host, contract=settings.contract, spec_version=settings.spec_version)
    with contextlib.ExitStack() as stack:
        refusing = stack.enter_context(MockServer(replace(plain, enrollment_keys=(secrets.token_urlsafe(),))))
        files = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opamp-conformance-")))
        tls = _files_in(files, host)
        other = stack.enter_context(MockServer(replace(plain, tls=tls)))
        # The port is taken, but nothing listens there.
        dead = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
        dead.bind((host, 0))
        dead_url = urlsplit(refusing.url)._replace(netloc=netloc(host, dead.getsockname()[1])).geturl()
        endpoints = (
            Endpoint("refusing", refusing.url, "refuses all credentials"),
            Endpoint(
                "unknown-ca", other.url, "has a certificate of an authority that no agent knows", tls.cert.read_text()
            ),
            Endpoint("dead", dead_url, "refuses connections"),
        )
        yield replace(settings, instances=2, endpoints=endpoints)


def _files_in(folder: Path, host: str) -> Tls:
    """Write a certificate of an unknown authority, and its key."""
    files = Tls(folder / "certificate.pem", folder / "key.pem")
    certificate, key = self_signed(host)
    files.cert.write_bytes(certificate)
    files.key.touch(mode=0o600)
    files.key.write_bytes(key)
    return files
