"""Any server that is running already, by its URL."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from opamp_conformance.errors import CannotTell
from opamp_conformance.ledger import Contract
from opamp_conformance.targets import Endpoint, Tls


class UrlTarget:
    """A server at a URL, and ``others`` of its instances.

    ``arguments`` are the options that describe its headers, without secrets.
    """

    contracts: Sequence[Contract] = (Contract.OPAMP,)
    is_shared = True

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        tls: Tls = Tls(),
        arguments: Sequence[str] = (),
        control: str | None = None,
        others: Sequence[str] = (),
    ) -> None:
        """Check the URLs; raises CannotTell."""
        self._endpoint = Endpoint(
            _checked(url, "/v1/opamp"),
            headers or {},
            tls,
            None if control is None else _checked(control, "/control"),
            tuple(_checked(other, "/v1/opamp") for other in others),
        )
        self.name = self._endpoint.url
        urls = (self.name, *self._endpoint.others)
        self.arguments = (*(word for url in urls for word in ("--url", shlex.quote(url))), *arguments)
        if control is not None:
            self.arguments += ("--control", shlex.quote(control))

    @contextmanager
    def start(self) -> Iterator[Endpoint]:
        yield self._endpoint


def _checked(url: str, default_path: str) -> str:
    """Return a URL with its path; raises CannotTell."""
    if not url.isprintable() or " " in url:
        raise CannotTell(f"{url!r} is not a URL: it has characters that no URL has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise CannotTell(f"{url!r} is not a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise CannotTell(f"{url!r} is not a URL of a server: give it as http://HOST:PORT/v1/opamp, or https://…")
    if parts.username or parts.password:
        raise CannotTell("a URL must not hold credentials: give them with --header-env 'Authorization=VARIABLE'")
    return parts.geturl() if parts.path else parts._replace(path=default_path).geturl()
