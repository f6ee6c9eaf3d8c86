"""What is asked and answered by HTTP, whatever for."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple

from opamp_mock_server.admission import Admission
from opamp_mock_server.overload import Overloaded
from opamp_proto import CONTENT_TYPE

PATH = "/v1/opamp"
"""The path of the endpoint (Communication Model)."""

CONTROL = "/control"
"""The path that the control plane is under."""

PROTOBUF = CONTENT_TYPE.encode()
"""The content type of messages over plain HTTP (Plain HTTP Transport)."""


class Request(NamedTuple):
    """What a request says before its body. The names of headers are in lower case."""

    method: str
    path: str
    headers: Sequence[tuple[bytes, bytes]]
    query: bytes = b""


class RequestHeaders(NamedTuple):
    """The request headers that matter here, None where absent.

    ``policy_id`` is that of the key among them, None if they show none that admits. It is found out once: a key that is
    revoked while the body is under way must not become that of another policy.
    """

    content_type: bytes | None = None
    content_encoding: bytes | None = None
    accept_encoding: bytes | None = None
    authorization: bytes | None = None
    policy_id: str | None = None

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]], admission: Admission) -> "RequestHeaders":
        found = dict(headers).get
        authorization = found(b"authorization")
        return cls(
            found(b"content-type"),
            found(b"content-encoding"),
            found(b"accept-encoding"),
            authorization,
            admission.policy_of(authorization),
        )


class Response(NamedTuple):
    """One HTTP response; ``content_type`` is that of a ServerToAgent unless said otherwise."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = PROTOBUF


Answer = Callable[[bytes], Coroutine[Any, Any, Response]]
"""What answers a request, once its body is there."""


class Refused(Exception):
    """A request that HTTP itself refuses, with a reason for people."""

    def __init__(self, status: int, reason: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(reason)
        self.response = Response(
            status, f"{reason}\n".encode(errors="backslashreplace"), headers, b"text/plain; charset=utf-8"
        )

    async def answer(self, body: bytes) -> Response:
        """Answer the request, whatever its body."""
        return self.response


def check_path(path: str) -> None:
    """Raise Refused for any other path than the endpoint's."""
    if path != PATH:
        raise Refused(404, f"OpAMP is at {PATH}")


def unauthorized() -> Refused:
    return Refused(401, "an enrollment key is needed", (b"www-authenticate", b"ApiKey"))


def come_later(status: int, overloaded: Overloaded) -> Refused:
    """Make the answer of a server that is too busy (Throttling, Plain HTTP Transport)."""
    return Refused(status, str(overloaded), (b"retry-after", b"%d" % overloaded.retry_after))


def too_large(max_body_bytes: int) -> Refused:
    # What is still under way is not read: the connection ends with the answer.
    return Refused(413, f"a message has at most {max_body_bytes} bytes", (b"connection", b"close"))
