"""Downloads the files that a server offers, as an agent would."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from opamp_conformance.errors import Violation, ViolationError
from opamp_conformance.targets import Endpoint
from opamp_conformance.targets.tls import tls_context
from opamp_conformance.wire.http import HttpRequest, HttpResponse, HttpTransport
from opamp_conformance.wire.transport import NoResponseError

_CONNECTION_HEADERS: Final = ("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer")
"""Headers that a server must not choose for a download."""


async def fetch(url: str, headers: Mapping[str, str], endpoint: Endpoint, timeout: float) -> HttpResponse:
    """Fetch a file by HTTP GET. Raises ViolationError if no response comes.

    The target's credentials are not sent, and its client certificate only to the target itself: a server may offer any
    host.
    """
    own = {name: value for name, value in headers.items() if name.lower() not in _CONNECTION_HEADERS}
    is_target = urlsplit(url).netloc == urlsplit(endpoint.url).netloc
    tls = endpoint.tls if is_target else replace(endpoint.tls, cert=None, key=None)
    context = tls_context(tls) if url.lower().startswith("https:") else None
    try:
        async with HttpTransport(url, {}, context, timeout) as download:
            return await download.send(HttpRequest(b"", method="GET", headers=own, follows_redirects=True))
    except NoResponseError as error:
        raise ViolationError(Violation("a file at the offered URL", str(error))) from error
