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


def require_own_page(request: Request, *, is_open: bool) -> None:
    """Raise Refused for what a page of another origin has a browser send.

    If the server ``is_open`` to whoever has no key, a name that somebody made to point to it (DNS rebinding) must not
    make that page its own: so it is called by an address, or by a name that is none in the DNS.
    """
    hosts = [value.decode("latin-1") for name, value in request.headers if name == b"host"]
    origins = [value.decode("latin-1") for name, value in request.headers if name == b"origin"]
    if len(hosts) != 1 or any(_host_of(origin) != hosts[0] for origin in origins):
        raise Refused(403, "pages of other origins do not operate this server")
    if is_open and not _is_local_name(hosts[0]):
        raise Refused(403, "without enrollment keys, this is called by an address or a name without dots")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _is_local_name(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name != "" and ("." not in name or bool(ip_address(name)))
    except ValueError:
        return False
