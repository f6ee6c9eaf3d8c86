"""Attacks on a mock server from many connections at once, each for some seconds.

    python -m support.attacks URL PACKAGE_PATH SECONDS CONNECTIONS

prints how often each attack was made. The attacks are bounded by this time, and only reach a server on this machine.
"""

import contextlib
import gzip
import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

import uuid6

from opamp_proto import CONTENT_TYPE
from opamp_proto import anyvalue_pb2 as any_pb
from opamp_proto import opamp_pb2 as pb

MEBIBYTE: Final = 1024 * 1024
_PATIENCE: Final = 2.0
OPENING: Final = (
    b"GET /v1/opamp HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
MASK: Final = bytes(4)

Attack = Callable[[socket.socket], None]


def request(body: bytes, method: str = "POST", path: str = "/v1/opamp", headers: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {CONTENT_TYPE}\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def report(**fields: object) -> pb.AgentToServer:
    return pb.AgentToServer(instance_uid=uuid6.uuid7().bytes, sequence_num=1, **fields)  # type: ignore[arg-type]


def read(client: socket.socket, most: int = 64 * 1024) -> None:
    """Read what comes at once, and no more."""
    with contextlib.suppress(TimeoutError):
        client.recv(most)


def push(client: socket.socket, data: bytes, times: int) -> None:
    """Send the same data again and again, without reading."""
    for _ in range(times):
        client.sendall(data)


# ---- openings, pings and frames


def unreadable_opening(client: socket.socket) -> None:
    rest = (
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"".join(b"X-%d: a\r\n" % number for number in range(140)) + b"\r\n",
        b"X-Long: " + b"a" * 9000 + b"\r\n\r\n",
        b"",
    )
    client.sendall(OPENING + random.choice(rest))
    read(client)


def foreign_page(client: socket.socket) -> None:
    client.sendall(OPENING + b"Origin: https://evil.example\r\n\r\n")
    read(client)


def opened(client: socket.socket) -> None:
    client.sendall(OPENING + b"\r\n")
    read(client)


def unread_pongs(client: socket.socket) -> None:
    opened(client)
    push(client, (b"\x89\xfd" + MASK + bytes(125)) * 500, 200)


def fragments(client: socket.socket) -> None:
    opened(client)
    client.sendall(b"\x02\x81" + MASK + b"\x00")
    push(client, (b"\x00\x81" + MASK + b"a") * 20_000, 10)


def invalid_text(client: socket.socket) -> None:
    opened(client)
    client.sendall(b"\x81\x82" + MASK + b"\xff\xfe")
    read(client)


# ---- requests and bodies


def pipelined_refusals(client: socket.socket) -> None:
    push(client, request(b"", "PUT") * 500, 10)


def refused_bodies(client: socket.socket) -> None:
    client.sendall(request(b"", "PUT").replace(b"Content-Length: 0", b"Content-Length: 33554432"))
    push(client, bytes(MEBIBYTE), 16)


def half_a_large_message(client: socket.socket) -> None:
    whole = request(bytes(4 * MEBIBYTE))
    client.sendall(whole[: 3 * MEBIBYTE])
    time.sleep(_PATIENCE)


def bomb(client: socket.socket) -> None:
    client.sendall(request(gzip.compress(bytes(64 * MEBIBYTE), 1), headers="Content-Encoding: gzip\r\n"))
    read(client)


def slow_head(client: socket.socket) -> None:
    for byte in b"POST /v1/opamp HTTP/1.1\r\nHo":
        client.sendall(bytes([byte]))
        time.sleep(_PATIENCE / 20)


def endless_headers(client: socket.socket) -> None:
    client.sendall(b"GET / HTTP/1.1\r\n")
    push(client, b"X-Header: " + b"a" * 1000 + b"\r\n", 1000)


def odd_target(client: socket.socket) -> None:
    client.sendall(request(b"", "GET", "//x/%2e%2e/%252f" + "a" * 1000) * 10)
    read(client)


# ---- reports


def large_reports(client: socket.socket) -> None:
    """Each is of another agent."""
    health = pb.ComponentHealth(last_error="x" * (4 * MEBIBYTE - 200))
    for _ in range(5):
        client.sendall(request(report(health=health).SerializeToString()))
        read(client)


def many_short_texts(client: socket.socket) -> None:
    texts = pb.CustomCapabilities(capabilities=["ab"] * 500_000)
    client.sendall(request(report(custom_capabilities=texts).SerializeToString()))
    read(client)


def many_small_parts(client: socket.socket) -> None:
    message = report()
    message.agent_description.non_identifying_attributes.extend([any_pb.KeyValue()] * 500_000)
    client.sendall(request(message.SerializeToString()))
    read(client)


def odd_configuration(client: socket.socket) -> None:
    """The store in Elasticsearch would parse it, the one in memory only keeps it."""
    message = report()
    texts = (b"a: " + b":".join([b"1"] * 2000), b"[" * 10_000, b"? " * 10_000, b"a: &a [*a, *a]\n" * 500)
    message.effective_config.config_map.config_map[""].body = random.choice(texts)
    client.sendall(request(message.SerializeToString()))
    read(client)


def long_instance_uid(client: socket.socket) -> None:
    client.sendall(request(pb.AgentToServer(instance_uid=bytes(MEBIBYTE)).SerializeToString()))
    read(client)


def odd_certificate_request(client: socket.socket) -> None:
    message = report(capabilities=0xFFFF)
    message.connection_settings_request.opamp.certificate_request.csr = os.urandom(2000)
    client.sendall(request(message.SerializeToString()))
    read(client)


# ---- responses


def unread_downloads(path: str) -> Attack:
    def attack(client: socket.socket) -> None:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() * 1000)
        time.sleep(_PATIENCE)

    return attack


def whole_lists(client: socket.socket) -> None:
    for resource in ("agents?limit=100000", "messages?limit=100000", "transport?limit=100000", "messages?within=3600"):
        client.sendall(f"GET /control/{resource} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    time.sleep(_PATIENCE)


ATTACKS: Final[tuple[Attack, ...]] = (
    *(unreadable_opening, foreign_page, unread_pongs, fragments, invalid_text),
    *(pipelined_refusals, refused_bodies, half_a_large_message, bomb, slow_head, endless_headers, odd_target),
    *(large_reports, many_short_texts, many_small_parts, odd_configuration, long_instance_uid),
    *(odd_certificate_request, whole_lists),
)


def attack_from_all_sides(url: str, package_path: str, seconds: float, connections: int) -> Counter[str]:
    """Make all attacks in turn, each connection in an order of its own; return how often each was made."""
    made: Counter[str] = Counter()
    downloads = unread_downloads(package_path)
    parts, ends = urlsplit(url), time.monotonic() + seconds
    assert parts.hostname == "127.0.0.1"

    def attacks(number: int) -> Iterator[Attack]:
        order = [*ATTACKS, downloads]
        random.Random(number).shuffle(order)
        while time.monotonic() < ends:
            yield from order

    def work(number: int) -> None:
        for attack in attacks(number):
            if time.monotonic() >= ends:
                return
            with (
                contextlib.suppress(OSError),
                socket.create_connection((parts.hostname, parts.port), timeout=_PATIENCE) as client,
            ):
                made[getattr(attack, "__qualname__", "")] += 1
                attack(client)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


if __name__ == "__main__":
    for name, count in sorted(attack_from_all_sides(*sys.argv[1:3], float(sys.argv[3]), int(sys.argv[4])).items()):
        sys.stdout.write(f"{count} x {name}\n")
