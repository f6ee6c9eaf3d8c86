"""What a request of an agent says, beside its body."""

from aiohttp import web
from google.protobuf.message import DecodeError

from opamp_proto import opamp_pb2 as pb


def headers_of(request: web.Request) -> dict[str, str]:
    """Return the headers with names in lower case."""
    return {name.lower(): value for name, value in request.headers.items()}


def certificate_of(request: web.Request) -> bytes:
    """Return the client certificate in DER, empty without one."""
    of_tls = request.get_extra_info("ssl_object")
    return b"" if of_tls is None else of_tls.getpeercert(binary_form=True) or b""


def decoded(data: bytes) -> pb.AgentToServer | None:
    """Return the message of some bytes, None if they are none."""
    try:
        return pb.AgentToServer.FromString(data)
    except DecodeError:
        return None


def seconds_of(text: str | None) -> float | None:
    """Return the number of a header such as Retry-After, None if it is none."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
