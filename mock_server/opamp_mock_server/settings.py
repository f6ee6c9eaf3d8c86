"""How a mock server is to behave."""

import ssl
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from opamp_mock_server.core import ALL_CAPABILITIES
from opamp_mock_server.deviations import Deviation
from opamp_mock_server.overload import Limits
from opamp_mock_server.service import Delays
from opamp_mock_server.stores import Elasticsearch

DEFAULT_PORT = 4320
"""The port of OpAMP endpoints (Communication Model)."""

DEFAULT_MAX_BODY_BYTES = 4 * 1024 * 1024
"""A longer body is answered with 413, a longer WebSocket message with the close code 1009."""

CUSTOM_CAPABILITY = "io.github.opamp-conformance.mock/1"
"""A custom capability that the server takes part in, so that custom messages can be tried."""


class Contract(Enum):
    """What the server promises: the specification alone, or Fleet Server's enrollment contract on top."""

    OPAMP = "opamp"
    FLEET = "fleet"


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: the server's certificate and key, and who must have signed a client's certificate, if anybody."""

    cert: Path
    key: Path
    client_ca: Path | None = None
    lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2


@dataclass(frozen=True, slots=True)
class Settings:
    """How a mock server behaves. Port 0 takes a free one; without enrollment keys everyone is admitted.

    The enrollment keys of a file come with their policies, and are read again whenever it changes. Without a
    ``store`` agents are kept in memory. Further ``instances`` listen on free ports.
    ``capabilities`` are bits of ServerCapabilities: what is left out is neither announced nor done.
    """

    host: str = "127.0.0.1"
    port: int = 0
    contract: Contract = Contract.FLEET
    deviations: tuple[Deviation, ...] = ()
    enrollment_keys: tuple[str, ...] = ()
    enrollment_key_file: Path | None = None
    store: Elasticsearch | None = None
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    capabilities: int = ALL_CAPABILITIES
    custom_capabilities: tuple[str, ...] = (CUSTOM_CAPABILITY,)
    control: bool = False
    delays: Delays = Delays()
    limits: Limits = Limits()
    tls: Tls | None = None
    instances: int = 1
