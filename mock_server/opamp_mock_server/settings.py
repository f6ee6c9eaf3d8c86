"""The settings of a mock server."""

import ssl
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from opamp_mock_server.core.agent_state import DEFAULT_NAMESPACES
from opamp_mock_server.core.core import ALL_CAPABILITIES
from opamp_mock_server.deviations import Deviation
from opamp_mock_server.limits.limits import Limits
from opamp_mock_server.service.service import Delays
from opamp_mock_server.stores.elasticsearch.settings import ElasticsearchSettings

DEFAULT_PORT = 4320
"""The port of OpAMP endpoints (Communication Model)."""

DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024
"""A longer body gets the status 413; a longer WebSocket message gets the close code 1009 (Message Size Limits)."""

CUSTOM_CAPABILITY = "io.github.opamp-conformance.mock/1"
"""A custom capability that the server supports, so that custom messages can be tested."""


class Contract(Enum):
    """The promises of the server: only the specification, or also the enrollment contract of Fleet Server."""

    OPAMP = "opamp"
    FLEET = "fleet"


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: the certificate and key of the server, and the authority for client certificates, if required."""

    cert: Path
    key: Path
    client_ca: Path | None = None
    lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint to offer to agents. ``ca`` is the PEM of its authority, if that is not known."""

    name: str
    url: str
    description: str
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a mock server behaves. Port 0 means a free port. Without enrollment keys, all requests are accepted.

    ``namespaces`` are those of the agents with one of these keys. A file of enrollment keys also has their policies
    and namespaces, and is read again whenever it changes. Web pages of the
    ``allowed_origins`` may open WebSockets. Without a ``store``, agents are kept in memory. Further ``instances``
    listen on free ports. ``capabilities`` are bits of ServerCapabilities: the server neither announces nor supports a
    missing capability. The server collects what agents break (MockServer.judge) if it ``judges_agents``, or has the
    control plane. ``spec_version`` is the version of the specification that the server speaks. ``endpoints`` are others
    that the control plane lists.
    """

    host: str = "127.0.0.1"
    port: int = 0
    contract: Contract = Contract.FLEET
    spec_version: str = "0.20"
    deviations: tuple[Deviation, ...] = ()
    enrollment_keys: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = DEFAULT_NAMESPACES
    enrollment_key_file: Path | None = None
    store: ElasticsearchSettings | None = None
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    allowed_origins: tuple[str, ...] = ()
    capabilities: int = ALL_CAPABILITIES
    custom_capabilities: tuple[str, ...] = (CUSTOM_CAPABILITY,)
    control: bool = False
    judges_agents: bool = False
    delays: Delays = Delays()
    limits: Limits = Limits()
    tls: Tls | None = None
    instances: int = 1
    endpoints: tuple[Endpoint, ...] = ()
