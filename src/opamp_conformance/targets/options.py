"""The options that say how to reach a server: the same for ``run``, ``load``, pytest and Locust."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.targets import Tls

_OWN_HEADERS: Final = {
    *("accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host"),
    *("te", "trailer", "transfer-encoding", "upgrade"),
}
"""Headers that the suite sets itself."""
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2


@dataclass(frozen=True)
class Option:
    """One option. ``default`` is as a user writes it; None without a default, False for a switch.

    ``is_on_web_page`` says whether Locust's page shows it.
    """

    name: str
    help: str
    default: str | int | bool | None = None
    metavar: str | None = None
    choices: Sequence[str] = ()
    is_repeatable: bool = False
    is_on_web_page: bool = True

    @property
    def dest(self) -> str:
        """The name of its parameter."""
        return self.name.removeprefix("--").replace("-", "_")


ACCESS_OPTIONS: Final = (
    Option("--header", "A header of each request; repeatable.", None, "'NAME: VALUE'", (), True, False),
    Option("--header-env", "A header whose value is in the environment.", None, "NAME=VARIABLE", (), True, False),
    Option("--ca", "PEM file of the authorities to trust.", None, "FILE", (), False, False),
    Option("--cert", "PEM file of a client certificate.", None, "FILE", (), False, False),
    Option("--key", "PEM file of its key, if --cert does not contain it.", None, "FILE", (), False, False),
)
"""Headers and TLS."""


@dataclass(frozen=True)
class Access:
    """Headers, whose values are secrets, and TLS files."""

    headers: Mapping[str, str]
    tls: Tls

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Access":
        """Read the values of ACCESS_OPTIONS by their parameters; raises InconclusiveError.

        No message repeats a header's value, because it may be a secret.
        """
        headers = merged(parse_headers(given["header"] or ()), headers_from_environment(given["header_env"] or ()))
        files = (Path(given[name]) if given[name] else None for name in ("ca", "cert", "key"))
        return cls(headers, Tls(*files))


def parse_headers(options: Sequence[str]) -> dict[str, str]:
    """Read ``Name: value`` options; raises InconclusiveError."""
    headers = {}
    for option in options:
        name, colon, value = option.partition(":")
        if not colon:
            raise InconclusiveError("--header is written 'Name: value'")
        headers[_name(name)] = _value(name, value)
    return headers


def headers_from_environment(options: Sequence[str]) -> dict[str, str]:
    """Read ``Name=VARIABLE`` options, and the variables that they name; raises InconclusiveError."""
    headers = {}
    for option in options:
        name, equals, variable = option.partition("=")
        if not equals or not variable:
            raise InconclusiveError("--header-env is written 'Name=VARIABLE'")
        if variable not in os.environ:
            raise InconclusiveError(f"--header-env: the environment variable {variable} is not set")
        headers[_name(name)] = _value(name, os.environ[variable])
    return headers


def merged(*parts: Mapping[str, str]) -> dict[str, str]:
    """Combine headers; raises InconclusiveError for a header that is given twice."""
    headers: dict[str, str] = {}
    for part in parts:
        for name, value in part.items():
            if name.lower() in {known.lower() for known in headers}:
                raise InconclusiveError(f"the header {name} is given twice")
            headers[name] = value
    return headers


def _name(name: str) -> str:
    name = name.strip()
    if not _TOKEN.fullmatch(name):
        raise InconclusiveError(f"{name!r} is not the name of a header")
    if name.lower() in _OWN_HEADERS:
        raise InconclusiveError(f"the suite sets the header {name} itself: its value differs between scenarios")
    return name


def _value(name: str, value: str) -> str:
    value = value.strip()
    if not value.isprintable() or not value.isascii():
        raise InconclusiveError(f"the value of the header {name.strip()} has characters that HTTP does not allow")
    return value
