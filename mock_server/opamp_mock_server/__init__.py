"""The reference mock server: OpAMP as the specification has it, and as one deviation at a time breaks it."""

from opamp_mock_server.admission import CannotReadKeys
from opamp_mock_server.core import ALL_CAPABILITIES
from opamp_mock_server.deviations import DEVIATIONS, CannotDeviate, Deviation
from opamp_mock_server.overload import Limits
from opamp_mock_server.records import DEFAULT_POLICY
from opamp_mock_server.server import CannotListen, MockServer
from opamp_mock_server.service import Delays
from opamp_mock_server.settings import DEFAULT_MAX_BODY_BYTES, DEFAULT_PORT, Contract, Settings, Tls
from opamp_mock_server.stores import BREAKER_FAILURES, CannotStore, Elasticsearch

__all__ = [
    "ALL_CAPABILITIES",
    "BREAKER_FAILURES",
    "DEFAULT_MAX_BODY_BYTES",
    "DEFAULT_POLICY",
    "DEFAULT_PORT",
    "DEVIATIONS",
    "CannotDeviate",
    "CannotListen",
    "CannotReadKeys",
    "CannotStore",
    "Contract",
    "Delays",
    "Deviation",
    "Elasticsearch",
    "Limits",
    "MockServer",
    "Settings",
    "Tls",
]
