"""The two transports of the specification (Communication Model)."""

from collections.abc import Mapping
from enum import StrEnum

from opamp_conformance.errors import ConformanceError


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
