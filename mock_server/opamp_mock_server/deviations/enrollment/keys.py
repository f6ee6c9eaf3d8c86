"""Deviations of enrollment keys."""

from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.http_messages import RequestHeaders
from opamp_mock_server.transports.plain_http import HttpEndpoint

ORDINARY_KEY_PREFIX = "ordinary-"
"""How the keys begin that a test uses as API keys that are no enrollment keys."""
RETIRED_KEY_PREFIX = "retired-"
"""How the keys begin that a test uses as retired enrollment keys."""


@breaks("fleet.enrollment-key.ordinary")
class OrdinaryKeyEnrolls(HttpEndpoint):
    """An API key that is no enrollment key enrolls: one that begins with ``ordinary-``."""

    def require_admission(self, headers: RequestHeaders) -> None:
        if not _begins_with(headers, ORDINARY_KEY_PREFIX):
            super().require_admission(headers)


@breaks("fleet.enrollment-key.retired")
class RetiredKeyEnrolls(HttpEndpoint):
    """An enrollment key that was retired still enrolls: one that begins with ``retired-``."""

    def require_admission(self, headers: RequestHeaders) -> None:
        if not _begins_with(headers, RETIRED_KEY_PREFIX):
            super().require_admission(headers)


def _begins_with(headers: RequestHeaders, prefix: str) -> bool:
    _, _, key = (headers.authorization or b"").partition(b" ")
    return key.startswith(prefix.encode())
