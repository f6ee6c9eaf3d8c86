"""The reference mock server: it follows the OpAMP specification, and breaks one requirement of it on request."""

from opamp_mock_server.core.agent_state import DEFAULT_POLICY
from opamp_mock_server.core.core import ALL_CAPABILITIES
from opamp_mock_server.deviations import DEVIATIONS, Deviation, DeviationError
from opamp_mock_server.limits.authentication import KeyFileError
from opamp_mock_server.limits.limits import Limits
from opamp_mock_server.server import ListenError, MockServer
from opamp_mock_server.service.service import Delays
from opamp_mock_server.settings import DEFAULT_MAX_BODY_BYTES, DEFAULT_PORT, Contract, Settings, Tls
from opamp_mock_server.stores.elasticsearch.settings import BREAKER_FAILURES, ElasticsearchSettings
from opamp_mock_server.stores.store import StoreSetupError

__all__ = [
    "ALL_CAPABILITIES",
    "BREAKER_FAILURES",
    "DEFAULT_MAX_BODY_BYTES",
    "DEFAULT_POLICY",
    "DEFAULT_PORT",
    "DEVIATIONS",
    "Contract",
    "Delays",
    "Deviation",
    "DeviationError",
    "ElasticsearchSettings",
    "KeyFileError",
    "Limits",
    "ListenError",
    "MockServer",
    "Settings",
    "StoreSetupError",
    "Tls",
]
