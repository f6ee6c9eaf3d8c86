"""Remote configuration that the scripted server offers to an agent."""

from contextlib import suppress
from typing import Final

from opamp_conformance.actions.agent_side.hashes import hash_of
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.errors import HarnessError, NotApplicableError, PreconditionFailedError, ViolationError
from opamp_conformance.scripted_server.replies import Reply
from opamp_proto import opamp_pb2 as pb

_REPORTED: Final = "capabilities.agent.remote-config-status-reported"
_IN_PROGRESS: Final = (pb.RemoteConfigStatuses_UNSET, pb.RemoteConfigStatuses_APPLYING)


def configuration(body: str) -> pb.AgentRemoteConfig:
    """Return an offer of a configuration. Each body has a hash of its own."""
    offer = pb.AgentRemoteConfig(config_hash=hash_of(body))
    offer.config.config_map[""].body = body.encode()
    offer.config.config_map[""].content_type = "text/yaml"
    return offer


def under_another_hash(offered: pb.AgentRemoteConfig) -> pb.AgentRemoteConfig:
    """Return an offer of the same files, with another hash. An agent does not know how a hash is made."""
    return pb.AgentRemoteConfig(config=offered.config, config_hash=hash_of(offered.config_hash))


def offer(session: AgentSession, wanted: pb.AgentRemoteConfig) -> None:
    """Offer a configuration."""
    session.give(Reply(pb.ServerToAgent(remote_config=wanted)))


def offer_with_flag(session: AgentSession, wanted: pb.AgentRemoteConfig) -> None:
    """Offer a configuration in a message that also asks for the full state."""
    session.give(Reply(pb.ServerToAgent(remote_config=wanted, flags=int(pb.ServerToAgentFlags_ReportFullState))))


def offer_beside(session: AgentSession, wanted: pb.AgentRemoteConfig, part: str) -> None:
    """Offer a configuration, and another part of ServerToAgent in the same message."""
    message = pb.ServerToAgent(remote_config=wanted)
    match part:
        case "connection settings":
            message.connection_settings.hash = wanted.config_hash
            other = message.connection_settings.other_connections["example"]
            other.destination_endpoint = session.server.other_url("/other")
        case "a set of packages":
            message.packages_available.all_packages_hash = wanted.config_hash
        case "a custom message":
            message.custom_capabilities.capabilities.append("org.example.unknown")
            message.custom_message.capability, message.custom_message.type = "org.example.unknown", "greeting"
        case _:
            raise HarnessError(f"no such part: {part}")
    session.give(Reply(message))


def apply(session: AgentSession, wanted: pb.AgentRemoteConfig) -> None:
    """Offer a configuration, and wait for its outcome. An agent may ignore it: PreconditionFailedError says that."""
    offer(session, wanted)
    try:
        outcome(session, wanted)
    except ViolationError as error:
        raise PreconditionFailedError(_REPORTED, error.violation) from error


def let_use(session: AgentSession, wanted: pb.AgentRemoteConfig) -> None:
    """Offer a configuration, and wait until the agent reports that it uses it.

    An agent may merge it with others, so that nobody sees what it uses: NotApplicableError says that.
    """
    apply(session, wanted)
    if not _uses(session.fence(), wanted):
        raise NotApplicableError("the agent's effective_config does not have the offered configuration as it is")


def require_applied(session: AgentSession, wanted: pb.AgentRemoteConfig) -> None:
    """Wait for the outcome of a configuration; raises NotApplicableError if the agent does not apply it."""
    try:
        status = outcome(session, wanted)
    except ViolationError as error:
        raise PreconditionFailedError(_REPORTED, error.violation) from error
    if status.status != pb.RemoteConfigStatuses_APPLIED:
        raise NotApplicableError(f"the agent does not apply the configuration: {status.error_message}")


def reported_use(session: AgentSession, wanted: pb.AgentRemoteConfig) -> None:
    """Wait for a report of an effective configuration with the files of another one; raises ViolationError."""
    session.message("effective_config with the configuration that is applied", lambda message: _uses(message, wanted))


def _uses(message: pb.AgentToServer, wanted: pb.AgentRemoteConfig) -> bool:
    """Return whether the effective configuration has all files of another one, under any names."""
    used = [entry.body for entry in message.effective_config.config_map.config_map.values()]
    return all(entry.body in used for entry in wanted.config.config_map.values())


def wait_for_outcome(session: AgentSession, wanted: pb.AgentRemoteConfig) -> None:
    """Give the agent time to apply a configuration; until then, the hash of the last one is right."""
    with suppress(ViolationError):
        outcome(session, wanted)


def outcome(session: AgentSession, wanted: pb.AgentRemoteConfig) -> pb.RemoteConfigStatus:
    """Wait for the status of a configuration that is not in progress any more; raises ViolationError."""

    def is_final(message: pb.AgentToServer) -> bool:
        status = message.remote_config_status
        return status.last_remote_config_hash == wanted.config_hash and status.status not in _IN_PROGRESS

    if not session.has("ReportsRemoteConfig"):
        raise NotApplicableError("the agent does not announce ReportsRemoteConfig")
    record = session.message("a remote_config_status with the hash of the offer", is_final)
    assert record.message is not None
    return record.message.remote_config_status
