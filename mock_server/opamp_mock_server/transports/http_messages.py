"""HTTP requests and responses, for OpAMP messages and everything else."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple

from opamp_mock_server.errors import MockServerError
from opamp_mock_server.limits.authentication import Authenticator
from opamp_mock_server.limits.limits import OverloadedError
from opamp_proto import CONTENT_TYPE

ENDPOINT_PATH = "/v1/opamp"
"""The path of the endpoint (Communication Model)."""

CONTROL_PATH = "/control"
"""The first part of the paths of the control plane."""

PROTOBUF_TYPE = CONTENT_TYPE.encode()
"""The content type of messages over plain HTTP (Plain HTTP Transport)."""


def _always() -> bool:
    return True


class Request(NamedTuple):
    """The head of a request. The names of headers are in lower case.

    ``is_awaited`` returns whether the client still waits for the response: its connection has not ended.
    """

    method: str
    path: str
    headers: Sequence[tuple[bytes, bytes]]
    query: bytes = b""
    is_awaited: Callable[[], bool] = _always


class RequestHeaders(NamedTuple):
    """The request headers that matter to OpAMP, None if absent.

    ``policy_id`` is that of the enrollment key, None if there is no valid key. It is looked up once, so that a key that
    changes while the body arrives cannot lead to another policy. ``number`` is the id of the request, if a judge of
    agents listens.
    """

    content_type: bytes | None = None
    content_encoding: bytes | None = None
    accept_encoding: bytes | None = None
    authorization: bytes | None = None
    policy_id: str | None = None
    number: int = 0

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]], authenticator: Authenticator) -> "RequestHeaders":
        found = dict(headers).get
        authorization = found(b"authorization")
        return cls(
            found(b"content-type"),
            found(b"content-encoding"),
            found(b"accept-encoding"),
            authorization,
            authenticator.policy_of(authorization),
        )


class Response(NamedTuple):
    """One HTTP response. The default ``content_type`` is that of a ServerToAgent."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = PROTOBUF_TYPE


Responder = Callable[[bytes], Coroutine[Any, Any, Response]]
"""Answers a request when its body has arrived."""


class RequestRefusedError(MockServerError):
    """A request that is refused by an HTTP status, with a reason for people."""

    def __init__(self, status: int, reason: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(reason)
        self.response = Response(
            status, f"{reason}\n".encode(errors="backslashreplace"), headers, b"text/plain; charset=utf-8"
        )

    async def answer(self, body: bytes) -> Response:
        """Answer the request, with any body."""
        return self.response


def check_path(path: str) -> None:
    """Raise RequestRefusedError for every path except that of the OpAMP endpoint."""
    if path != ENDPOINT_PATH:
        raise RequestRefusedError(404, f"OpAMP is at {ENDPOINT_PATH}")


def unauthorized() -> RequestRefusedError:
    return RequestRefusedError(401, "an enrollment key is needed", (b"www-authenticate", b"ApiKey"))


def retry_later(status: int, overloaded: OverloadedError) -> RequestRefusedError:
    """Return the error for a message above a limit (Throttling, Plain HTTP Transport)."""
    return RequestRefusedError(status, str(overloaded), (b"retry-after", b"%d" % overloaded.retry_after))


def too_large(max_body_bytes: int) -> RequestRefusedError:
    # The rest of the body is not read, so the connection ends with this response.
    return RequestRefusedError(413, f"a message has at most {max_body_bytes} bytes", (b"connection", b"close"))
