"""Connection settings of an agent (ConnectionSettingsStatus, "Connection Settings Management")."""

from collections.abc import Mapping, Sequence
from typing import Final

from opamp_conformance.actions.agent_side.headers import OFFERED
from opamp_conformance.actions.agent_side.telemetry import Metric, identifying, non_identifying, resource_of
from opamp_conformance.assertions.common import require
from opamp_conformance.errors import NotApplicableError
from opamp_conformance.scripted_server.records import MessageReceived, Opened, OtherRequest, ProxyUsed
from opamp_conformance.scripted_server.server import SECOND_PATH
from opamp_conformance.targets import ENDPOINT_PATH
from opamp_proto import opamp_pb2 as pb

_PROCESS_METRICS: Final[Mapping[str, tuple[str, str]]] = {
    "process.cpu.time": ("s", "counter"),
    "process.memory.usage": ("By", "updowncounter"),
    "process.memory.virtual": ("By", "updowncounter"),
    "process.disk.io": ("By", "counter"),
    "process.network.io": ("By", "counter"),
}
"""The unit and the kind of each metric of a process (OpenTelemetry's semantic conventions)."""


def has_no_headers(record: MessageReceived) -> None:
    """Assert that a request has none of the offered headers (Connection Settings Offer Flow)."""
    kept = [name for name, value in OFFERED.items() if record.headers.get(name) == value]
    require(not kept, "none of the headers that were offered with the failed settings", ", ".join(kept))


def has_headers(record: MessageReceived | Opened | OtherRequest | ProxyUsed) -> None:
    """Assert that a request has each offered header."""
    for name, value in OFFERED.items():
        came = record.headers.get(name)
        require(came == value, f"the offered header {name}", "another value" if came else "none")


def comes_through_proxy(record: MessageReceived) -> None:
    """Assert that a message came through the offered proxy (OpAMPConnectionSettings.proxy)."""
    require(record.through_proxy, "a connection through the offered proxy", "a direct connection")


def has_used_proxy(requests: Sequence[ProxyUsed]) -> None:
    """Assert that the offered proxy was used at all (TelemetryConnectionSettings.proxy)."""
    require(requests, "a connection through the offered proxy", "a direct connection")


def is_at_offered_endpoint(record: MessageReceived) -> None:
    """Assert that a message came to the offered endpoint (OpAMPConnectionSettings.destination_endpoint)."""
    require(record.path == SECOND_PATH, "a message at the offered endpoint", f"one at {record.path}")


def tells_hash(message: pb.AgentToServer, offer: pb.ConnectionSettingsOffers) -> None:
    """Assert that a report has the hash of an offer (ConnectionSettingsStatus.last_connection_settings_hash)."""
    came = message.connection_settings_status.last_connection_settings_hash
    require(came == offer.hash, "last_connection_settings_hash of the offer", came.hex() or "none")


def never_applied(messages: Sequence[MessageReceived], offer: pb.ConnectionSettingsOffers) -> None:
    """Assert that no message says that an offer was applied."""
    wrong = [
        record
        for record in messages
        if record.message is not None
        and record.message.connection_settings_status.last_connection_settings_hash == offer.hash
        and record.message.connection_settings_status.status == pb.ConnectionSettingsStatuses_APPLIED
    ]
    require(not wrong, "no status APPLIED of settings that do not work", "APPLIED")


def none_at_old_endpoint(messages: Sequence[MessageReceived]) -> None:
    """Assert that no message came to the endpoint that the agent has left."""
    left = [record for record in messages if record.path == ENDPOINT_PATH and not record.is_tls]
    require(not left, "the agent to stay at the offered endpoint", "a message at the old one")


def none_at_offered_endpoint(messages: Sequence[MessageReceived]) -> None:
    """Assert that no message came to the endpoint that was offered to an agent without the capability for it."""
    there = [record for record in messages if record.path == SECOND_PATH]
    require(not there, "the agent to ignore the offered endpoint", "a message there")


def no_telemetry(requests: Sequence[OtherRequest]) -> None:
    """Assert that an agent has sent no telemetry of a kind that it has not announced (AgentCapabilities)."""
    require(not requests, "no telemetry that the agent has not announced", f"{len(requests)} requests")


def stays(messages: Sequence[pb.AgentToServer]) -> None:
    """Assert that the agent has not left its connection."""
    left = [message for message in messages if message.HasField("agent_disconnect")]
    require(not left, "the agent to keep its connection", "agent_disconnect")


def identifies(request: OtherRequest, report: pb.AgentToServer) -> None:
    """Assert that the Resource of telemetry has each identifying attribute of the agent, with its value."""
    resource = resource_of(request)
    for name, value in identifying(report).items():
        require(resource.get(name) == value, f"{name}={value} in the Resource", resource.get(name, "none"))


def follows_conventions(metrics: Sequence[Metric]) -> None:
    """Assert that metrics of the process have the units and the kinds that all releases of the conventions give them.

    Raises NotApplicableError without such a metric.
    """
    known = [metric for metric in metrics if metric.name in _PROCESS_METRICS]
    if not known:
        raise NotApplicableError("the agent sends no metric of its process that all releases of the conventions have")
    for metric in known:
        wanted, came = _PROCESS_METRICS[metric.name], (metric.unit, metric.kind)
        require(came == wanted, f"{metric.name} with {' and '.join(wanted)}", " and ".join(came))


def describes_alike(request: OtherRequest, report: pb.AgentToServer) -> None:
    """Assert that the Resource of telemetry gives no other value for an attribute that is not identifying."""
    resource = resource_of(request)
    for name, value in non_identifying(report).items():
        came = resource.get(name, value)
        require(came == value, f"{name}={value} in the Resource, if it is there", came)
