"""The two transports of the specification (Communication Model)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from opamp_conformance.errors import ConformanceError, InconclusiveError

MAX_HEADER_BYTES: Final = 64 * 1024
"""The longest header of a response that the suite reads. HTTP has no limit (RFC 9110, section 5.4)."""
MAX_HEADERS: Final = 1000
"""The most headers of a response that the suite reads."""


class Transport(StrEnum):
    """A transport of the specification."""

    HTTP = "http"
    WEBSOCKET = "websocket"


def without_credentials(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "authorization"}


class NoResponseError(ConformanceError):
    """No answer came; the message says why, for people. ``close_code`` is that of a WebSocket that was closed."""

    def __init__(self, reason: str, close_code: int | None = None) -> None:
        super().__init__(reason)
        self.close_code = close_code


class HeadersTooLargeError(InconclusiveError):
    """A response exceeds a limit of the suite, which says nothing about the server."""

    def __init__(self) -> None:
        super().__init__(
            f"the suite reads no header of more than {MAX_HEADER_BYTES} bytes, and no more than {MAX_HEADERS} headers, "
            "but the server sent more"
        )
