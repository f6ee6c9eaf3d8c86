"""The HTTP headers of offers: for connections, and for downloads."""

from collections.abc import Mapping
from typing import Final

from opamp_proto import opamp_pb2 as pb

OFFERED: Final[Mapping[str, str]] = {"x-opamp-test": "offered", "x-opamp-second": "Also, with a comma"}
"""Several, and a value in which an agent should change nothing."""


def headers() -> pb.Headers:
    """Return the headers of an offer."""
    return pb.Headers(headers=[pb.Header(key=key, value=value) for key, value in OFFERED.items()])
