"""How headers are written as options. Nothing here repeats a value, as it may be a secret."""

import os
import re
from collections.abc import Mapping, Sequence

from opamp_conformance.errors import CannotTell

_OURS = {
    *("accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host"),
    *("te", "trailer", "transfer-encoding", "upgrade"),
}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2


def parse_headers(options: Sequence[str]) -> dict[str, str]:
    """Read ``Name: value`` options; raises CannotTell."""
    headers = {}
    for option in options:
        name, colon, value = option.partition(":")
        if not colon:
            raise CannotTell("--header is written 'Name: value'")
        headers[_name(name)] = _value(name, value)
    return headers


def headers_from_environment(options: Sequence[str]) -> dict[str, str]:
    """Read ``Name=VARIABLE`` options, and the variables they name; raises CannotTell."""
    headers = {}
    for option in options:
        name, equals, variable = option.partition("=")
        if not equals or not variable:
            raise CannotTell("--header-env is written 'Name=VARIABLE'")
        if variable not in os.environ:
            raise CannotTell(f"--header-env: the environment variable {variable} is not set")
        headers[_name(name)] = _value(name, os.environ[variable])
    return headers


def merged(*parts: Mapping[str, str]) -> dict[str, str]:
    """Put headers together; raises CannotTell for one that is given twice."""
    headers: dict[str, str] = {}
    for part in parts:
        for name, value in part.items():
            if name.lower() in {known.lower() for known in headers}:
                raise CannotTell(f"the header {name} is given twice")
            headers[name] = value
    return headers


def _name(name: str) -> str:
    name = name.strip()
    if not _TOKEN.fullmatch(name):
        raise CannotTell(f"{name!r} is not the name of a header")
    if name.lower() in _OURS:
        raise CannotTell(f"the header {name} is the suite's own: it says what a message is, and differs in scenarios")
    return name


def _value(name: str, value: str) -> str:
    value = value.strip()
    if not value.isprintable() or not value.isascii():
        raise CannotTell(f"the value of the header {name.strip()} has characters that HTTP does not allow")
    return value
