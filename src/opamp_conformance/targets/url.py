"""A server that already runs, by its URL."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.targets import ENDPOINT_PATH, Endpoint

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class UrlTarget:
    """A server that already runs. ``arguments`` are the options that describe its headers, without secrets."""

    contracts: Sequence[Contract] = (Contract.OPAMP,)
    is_shared = True

    def __init__(self, endpoint: Endpoint, arguments: Sequence[str] = ()) -> None:
        """Check the URLs, and add the default path where there is none. Raises InconclusiveError."""
        control = endpoint.control
        self._endpoint = replace(
            endpoint,
            url=_with_path(endpoint.url, ENDPOINT_PATH),
            control=None if control is None else _with_path(control, "/control"),
            others=tuple(_with_path(other, ENDPOINT_PATH) for other in endpoint.others),
        )
        self.name = self._endpoint.url
        urls = (self.name, *self._endpoint.others)
        self.arguments = (*(word for url in urls for word in ("--url", shlex.quote(url))), *arguments)
        if control is not None:
            self.arguments += ("--control", shlex.quote(control))
        for key, value in endpoint.agent_attributes.items():
            self.arguments += ("--agent-attribute", shlex.quote(f"{key}={value}"))
        if endpoint.message_limit is not None:
            self.arguments += ("--message-limit", str(endpoint.message_limit))

    @contextmanager
    def start(self) -> Iterator[Endpoint]:
        yield self._endpoint


def is_on_this_machine(url: str) -> bool:
    """Return whether the host of a URL is a usual name or address of this machine."""
    return urlsplit(url).hostname in _LOOPBACK


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
    if url.startswith(("ws://", "wss://")):
        http = f"http{url.removeprefix('ws')}"
        raise InconclusiveError(f"{name} is a URL of WebSockets: give {http!r}, which is for both transports")
    if not is_url or not url.isprintable() or " " in url:
        raise InconclusiveError(f"{name} is not the URL of a server: give it as {form}")
    return url
