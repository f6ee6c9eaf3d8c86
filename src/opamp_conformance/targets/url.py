"""A server that already runs, by its URL."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.targets import Endpoint, Tls


class UrlTarget:
    """A server at a URL, and the URLs of ``others`` of its instances.

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
        agent_attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Check the URLs. Raises InconclusiveError."""
        self._endpoint = Endpoint(
            _with_path(url, "/v1/opamp"),
            headers or {},
            tls,
            None if control is None else _with_path(control, "/control"),
            tuple(_with_path(other, "/v1/opamp") for other in others),
            agent_attributes=agent_attributes or {},
        )
        self.name = self._endpoint.url
        urls = (self.name, *self._endpoint.others)
        self.arguments = (*(word for url in urls for word in ("--url", shlex.quote(url))), *arguments)
        if control is not None:
            self.arguments += ("--control", shlex.quote(control))
        for key, value in self._endpoint.agent_attributes.items():
            self.arguments += ("--agent-attribute", shlex.quote(f"{key}={value}"))

    @contextmanager
    def start(self) -> Iterator[Endpoint]:
        yield self._endpoint


def _with_path(url: str, default_path: str) -> str:
    """Return a URL with its path or the default one. Raises InconclusiveError for a URL with credentials."""
    checked_url(url, f"{url!r}", f"http://HOST:PORT{default_path}, or https://…")
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise InconclusiveError("a URL must not have credentials: give them with --header-env 'Authorization=VARIABLE'")
    return parts.geturl() if parts.path else parts._replace(path=default_path).geturl()


def checked_url(url: str, name: str, form: str = "http://HOST:PORT") -> str:
    """Return the URL of a server, http or https. Raises InconclusiveError, which calls it ``name``.

    A URL that may have a password must not be shown, so its ``name`` is the option that it came from.
    """
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url or not url.isprintable() or " " in url:
        raise InconclusiveError(f"{name} is not the URL of a server: give it as {form}")
    return url
