"""Protects the control plane from foreign web pages in the browser of an authorized user."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from opamp_mock_server.transports.http_messages import Request, RequestRefusedError


def is_loopback(host: str) -> bool:
    """Return whether a name or address means this machine, without asking the DNS."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def require_own_page(request: Request, *, is_open: bool) -> None:
    """Raise RequestRefusedError for a request that a page of another origin makes.

    If the server ``is_open`` (it needs no key), a foreign DNS name that points to it must not help an attacker (DNS
    rebinding). So the host has to be an address, or a name without dots.
    """
    hosts = [value.decode("latin-1") for name, value in request.headers if name == b"host"]
    origins = [value.decode("latin-1") for name, value in request.headers if name == b"origin"]
    if len(hosts) != 1 or any(_host_of(origin) != hosts[0] for origin in origins):
        raise RequestRefusedError(403, "pages of other origins may not use this server")
    if is_open and not _is_local_name(hosts[0]):
        raise RequestRefusedError(403, "without enrollment keys, the host has to be an address or a name without dots")


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
