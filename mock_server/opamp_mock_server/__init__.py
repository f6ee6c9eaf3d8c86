"""The reference mock server: it follows the OpAMP specification, and breaks one requirement of it on request."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from opamp_mock_server.core.agent_state import DEFAULT_POLICY
    from opamp_mock_server.core.core import ALL_CAPABILITIES
    from opamp_mock_server.deviations import DEVIATIONS, Deviation, DeviationError
    from opamp_mock_server.deviations.enrollment.keys import ORDINARY_KEY_PREFIX, RETIRED_KEY_PREFIX
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
    "ORDINARY_KEY_PREFIX",
    "RETIRED_KEY_PREFIX",
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

_MODULES: Final = {
    "ALL_CAPABILITIES": "core.core",
    "BREAKER_FAILURES": "stores.elasticsearch.settings",
    "Contract": "settings",
    "DEFAULT_MAX_BODY_BYTES": "settings",
    "DEFAULT_POLICY": "core.agent_state",
    "DEFAULT_PORT": "settings",
    "DEVIATIONS": "deviations",
    "Delays": "service.service",
    "Deviation": "deviations",
    "DeviationError": "deviations",
    "ElasticsearchSettings": "stores.elasticsearch.settings",
    "KeyFileError": "limits.authentication",
    "Limits": "limits.limits",
    "ListenError": "server",
    "MockServer": "server",
    "ORDINARY_KEY_PREFIX": "deviations.enrollment.keys",
    "RETIRED_KEY_PREFIX": "deviations.enrollment.keys",
    "Settings": "settings",
    "StoreSetupError": "stores.store",
    "Tls": "settings",
}


def __getattr__(name: str) -> Any:
    """Load what is used, when it is used: the fixtures for pytest are in all sessions of an environment."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
