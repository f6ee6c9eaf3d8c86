"""Keeps web pages of others from operating the server through the browser of somebody who may."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from opamp_mock_server.http import Refused, Request


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name or address alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def require_own_page(request: Request, *, is_local: bool) -> None:
    """Raise Refused for what a page of another origin has a browser send.

    A server on a loopback address is called by no other name: so a name of somebody else that was made to point to it
    (DNS rebinding) does not make a page its own.
    """
    headers = dict(request.headers)
    host = headers.get(b"host", b"").decode("latin-1")
    origin = headers.get(b"origin")
    if origin is not None and urlsplit(origin.decode("latin-1")).netloc != host:
        raise Refused(403, "pages of other origins do not operate this server")
    if is_local and host and not is_loopback(urlsplit(f"//{host}").hostname or ""):
        raise Refused(403, "this server is called by a loopback address, or localhost")
