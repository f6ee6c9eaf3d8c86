"""The capability that an agent needs for an offer or a command; without it, the server sends nothing."""

from collections.abc import Iterator

from opamp_mock_server.core.agent_state import DesiredState
from opamp_proto import opamp_pb2 as pb

_PREFIX = "AgentCapabilities_"


def lacking(capabilities: int, desired: DesiredState) -> list[str]:
    """Return the names of capabilities that an agent lacks for what is desired of it."""
    names = [pb.AgentCapabilities.Name(bit).removeprefix(_PREFIX) for bit in _needed(desired) if not capabilities & bit]
    return list(dict.fromkeys(names))


def _needed(desired: DesiredState) -> Iterator[pb.AgentCapabilities]:
    if desired.remote_config is not None:
        yield pb.AgentCapabilities_AcceptsRemoteConfig
    if desired.packages:
        yield pb.AgentCapabilities_AcceptsPackages
    if desired.restart:
        yield pb.AgentCapabilities_AcceptsRestartCommand
    settings = desired.connection_settings
    if settings is None:
        return
    for name, bit in (
        ("opamp", pb.AgentCapabilities_AcceptsOpAMPConnectionSettings),
        ("own_metrics", pb.AgentCapabilities_ReportsOwnMetrics),
        ("own_traces", pb.AgentCapabilities_ReportsOwnTraces),
        ("own_logs", pb.AgentCapabilities_ReportsOwnLogs),
    ):
        if settings.HasField(name):
            yield bit
    if settings.other_connections:
        yield pb.AgentCapabilities_AcceptsOtherConnectionSettings
