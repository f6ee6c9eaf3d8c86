"""A tunnel through a proxy for HTTP, for the transport whose library cannot send the offered headers."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from opamp_proto import opamp_pb2 as pb

_MOST_BYTES: Final = 64 * 1024
_OK: Final = b"200"


@dataclass(frozen=True)
class Proxy:
    """A proxy for HTTP. ``headers`` are for its requests of the method CONNECT."""

    url: str
    headers: Mapping[str, str]


def url_of(offered: pb.ProxyConnectionSettings) -> str:
    """Return the URL of a proxy that may be offered as host:port."""
    return offered.url if "://" in offered.url else f"http://{offered.url}"


async def tunnel(proxy: Proxy, url: str) -> socket.socket:
    """Return a connection to the host of a URL through a proxy; raises OSError."""
    address, target = urlsplit(proxy.url), urlsplit(url)
    host = f"{target.hostname}:{target.port or 443}"
    headers = {"Host": host, **proxy.headers}
    lines = [f"CONNECT {host} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setblocking(False)
    try:
        await loop.sock_connect(connection, (address.hostname, address.port or 80))
        await loop.sock_sendall(connection, "\r\n".join([*lines, "", ""]).encode("latin-1"))
        answer = b""
        while b"\r\n\r\n" not in answer:
            data = await loop.sock_recv(connection, _MOST_BYTES)
            answer += data
            if not data or len(answer) > _MOST_BYTES:
                raise ConnectionError("the proxy does not answer")
        if answer.split(b" ", 2)[1:2] != [_OK]:
            raise ConnectionError("the proxy refuses the connection")
    except BaseException:
        connection.close()
        raise
    return connection
