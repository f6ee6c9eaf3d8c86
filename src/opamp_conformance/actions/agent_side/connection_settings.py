"""Connection settings that the scripted server offers to an agent."""

import secrets
import uuid
from collections.abc import Callable
from typing import Final

from opamp_conformance.actions.agent_side.hashes import hash_of
from opamp_conformance.actions.agent_side.headers import OFFERED, headers
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.errors import (
    ConformanceError,
    NotApplicableError,
    PreconditionFailedError,
    Violation,
    ViolationError,
)
from opamp_conformance.scripted_server.certificates import TlsEndpoint
from opamp_conformance.scripted_server.records import ConnectionEnded, MessageReceived, OtherRequest, TlsBegun
from opamp_conformance.scripted_server.replies import Reply
from opamp_conformance.scripted_server.server import SECOND_PATH, TELEMETRY_PATH, UNAUTHORIZED_PATH
from opamp_conformance.targets import ENDPOINT_PATH
from opamp_proto import opamp_pb2 as pb

_RANDOM_BYTES: Final = 16


def offer_opamp(session: AgentSession, **fields: object) -> pb.ConnectionSettingsOffers:
    """Offer OpAMP settings with some fields, under a new hash; return the offer.

    Unless another one is given, the interval of heartbeats is 1 second: 0 would turn heartbeats off.
    """
    fields = {"heartbeat_interval_seconds": 1, **fields}
    settings = pb.OpAMPConnectionSettings(**fields)  # type: ignore[arg-type]
    offer = pb.ConnectionSettingsOffers(hash=hash_of(secrets.token_bytes(_RANDOM_BYTES)), opamp=settings)
    session.give(Reply(pb.ServerToAgent(connection_settings=offer)))
    return offer


def offer_second_endpoint(session: AgentSession, **fields: object) -> pb.ConnectionSettingsOffers:
    """Offer another endpoint that works."""
    return offer_opamp(session, destination_endpoint=session.server.url(session.transport, SECOND_PATH), **fields)


def offer_dead_endpoint(session: AgentSession, **fields: object) -> pb.ConnectionSettingsOffers:
    """Offer an endpoint at a port where nothing listens, with other fields."""
    return offer_opamp(session, destination_endpoint=session.server.dead_url(session.transport), **fields)


def offer_unauthorized_endpoint(session: AgentSession) -> pb.ConnectionSettingsOffers:
    """Offer an endpoint that refuses the agent with 401."""
    return offer_opamp(session, destination_endpoint=session.server.url(session.transport, UNAUTHORIZED_PATH))


def offer_nothing_for_opamp(session: AgentSession) -> pb.ConnectionSettingsOffers:
    """Offer settings for another connection only."""
    offer = pb.ConnectionSettingsOffers(hash=hash_of(secrets.token_bytes(_RANDOM_BYTES)))
    offer.other_connections["example"].destination_endpoint = session.server.other_url("/other")
    session.give(Reply(pb.ServerToAgent(connection_settings=offer)))
    return offer


def arrival(session: AgentSession, expected: str, arrives: Callable[[MessageReceived], bool]) -> MessageReceived:
    """Wait for a message that arrives where an offer leads to; raises ViolationError.

    An agent may refuse an offer: then it raises NotApplicableError. An agent that tries, and fails, does not refuse it.
    """
    try:
        record = session.expect(MessageReceived, expected, lambda one: arrives(one) or _is_refusal(one.message))
    except ViolationError as error:
        raise _unless_silent(session, error) from error
    if not arrives(record):
        if session.since(TlsBegun):
            raise ViolationError(Violation(expected, f"a connection over TLS that fails: {_told(record)}"))
        raise _refused(record)
    return record


def _unless_silent(session: AgentSession, error: ViolationError) -> ConformanceError:
    """Return an error, or that the scenario does not apply: an agent that reports no status may refuse silently."""
    has_left = session.since(ConnectionEnded) or any(
        one.message and one.message.HasField("agent_disconnect") for one in session.since(MessageReceived)
    )
    if session.has("ReportsConnectionSettingsStatus") or has_left:
        return error
    return NotApplicableError("the agent does not take the settings, and reports no status of them")


def _is_refusal(message: pb.AgentToServer | None) -> bool:
    return message is not None and message.connection_settings_status.status == pb.ConnectionSettingsStatuses_FAILED


def _refused(record: MessageReceived) -> NotApplicableError:
    return NotApplicableError(f"the agent refuses the settings: {_told(record)}")


def _told(record: MessageReceived) -> str:
    assert record.message is not None
    return record.message.connection_settings_status.error_message or "it does not say why"


def arrival_at_second(session: AgentSession) -> MessageReceived:
    """Wait for a message at the second endpoint; raises ViolationError."""
    return arrival(session, "a message at the offered endpoint", lambda record: record.path == SECOND_PATH)


def arrival_with_headers(session: AgentSession) -> MessageReceived:
    """Wait for a message with the offered headers; raises ViolationError."""
    return arrival(
        session, "a message with the offered headers", lambda record: OFFERED.items() <= record.headers.items()
    )


def move_to_second(session: AgentSession, **fields: object) -> pb.ConnectionSettingsOffers:
    """Offer another endpoint, and wait until the agent has accepted it: until it answers there."""
    offer = offer_second_endpoint(session, **fields)
    arrival_at_second(session)
    session.fence()
    return offer


def return_to_old(session: AgentSession) -> MessageReceived:
    """Wait for a message at the old endpoint after a connection that cannot work; raises ViolationError.

    The agent may still send there before it leaves, so only a report that no one asked for counts: the first one of a
    new connection, or one with the status FAILED.
    """

    def is_back(record: MessageReceived) -> bool:
        return record.path == ENDPOINT_PATH and not record.is_tls and _is_return(record)

    try:
        return session.expect(MessageReceived, "a report at the old endpoint", is_back)
    except ViolationError as error:
        raise _unless_silent(session, error) from error


def return_to_any(session: AgentSession) -> MessageReceived:
    """Wait for a report at any endpoint after a connection that cannot work; raises ViolationError."""
    try:
        return session.expect(MessageReceived, "a report at the endpoint before the offer", _is_return)
    except ViolationError as error:
        raise _unless_silent(session, error) from error


def _is_return(record: MessageReceived) -> bool:
    message, has_failed = record.message, pb.ConnectionSettingsStatuses_FAILED
    return message is not None and (
        message.HasField("agent_description") or message.connection_settings_status.status == has_failed
    )


def return_from_dead_endpoint(session: AgentSession) -> None:
    """Offer an endpoint where nothing listens, and wait until the agent is back; raises PreconditionFailedError."""
    offer_dead_endpoint(session)
    try:
        return_to_old(session)
    except ViolationError as error:
        raise PreconditionFailedError("opamp-offer.revert-on-failure", error.violation) from error
    session.fence()


def status(session: AgentSession, offer: pb.ConnectionSettingsOffers, *wanted: int) -> pb.ConnectionSettingsStatus:
    """Wait for the status of an offer that is one of some values; raises ViolationError.

    An agent may refuse an offer: then it raises NotApplicableError.
    """

    def is_it(message: pb.AgentToServer) -> bool:
        came = message.connection_settings_status
        is_about_it = came.last_connection_settings_hash == offer.hash
        return is_about_it and (came.status in wanted or came.status == pb.ConnectionSettingsStatuses_FAILED)

    names = " or ".join(pb.ConnectionSettingsStatuses.Name(value).rpartition("_")[2] for value in wanted)
    record = session.message(f"connection_settings_status {names} with the hash of the offer", is_it)
    assert record.message is not None
    if record.message.connection_settings_status.status not in wanted:
        raise _refused(record)
    return record.message.connection_settings_status


def offer_telemetry(
    session: AgentSession, signal: str, endpoint: TlsEndpoint = TlsEndpoint.ORDINARY, **fields: object
) -> str:
    """Offer a destination for metrics, traces or logs of the agent, with a header and other fields; return its path.

    It is over TLS, with its authority: an agent may refuse http:// (telemetry-settings.refuse-http).
    """
    path = _new_path(signal)
    settings = _telemetry(session, path, endpoint, **fields)
    offer = pb.ConnectionSettingsOffers(hash=hash_of(secrets.token_bytes(_RANDOM_BYTES)), **{f"own_{signal}": settings})  # type: ignore[arg-type]
    session.give(Reply(pb.ServerToAgent(connection_settings=offer)))
    return path


def offer_second_endpoint_and_telemetry(session: AgentSession) -> str:
    """Offer another endpoint, and a destination for the agent's metrics beside it; return the path of the latter."""
    path = _new_path("metrics")
    second = session.server.url(session.transport, SECOND_PATH)
    offer = pb.ConnectionSettingsOffers(
        hash=hash_of(secrets.token_bytes(_RANDOM_BYTES)),
        opamp=pb.OpAMPConnectionSettings(destination_endpoint=second, heartbeat_interval_seconds=1),
        own_metrics=_telemetry(session, path),
    )
    session.give(Reply(pb.ServerToAgent(connection_settings=offer)))
    return path


def require_arrival_at_second(session: AgentSession) -> None:
    """Wait until the agent has connected with offered settings: it may refuse an offer as a whole.

    Raises NotApplicableError, and PreconditionFailedError.
    """
    try:
        arrival_at_second(session)
    except ViolationError as error:
        raise PreconditionFailedError("opamp-offer.client-reconnects", error.violation) from error


def _new_path(signal: str) -> str:
    return f"{TELEMETRY_PATH}{uuid.uuid4().hex}/v1/{signal}"


def _telemetry(
    session: AgentSession, path: str, endpoint: TlsEndpoint = TlsEndpoint.ORDINARY, **fields: object
) -> pb.TelemetryConnectionSettings:
    return pb.TelemetryConnectionSettings(
        destination_endpoint=session.server.other_tls_url(path, endpoint),
        headers=headers(),
        tls=pb.TLSConnectionSettings(ca_pem_contents=session.server.authority.pem),
        **fields,  # type: ignore[arg-type]
    )


def let_send_metrics(session: AgentSession) -> str:
    """Offer a destination for metrics, and wait until some arrive twice: so the agent sends them regularly.

    Returns its path. Raises PreconditionFailedError.
    """
    path = offer_telemetry(session, "metrics")
    try:
        telemetry_at(session, path, count=2)
    except ViolationError as error:
        raise PreconditionFailedError("own-telemetry.metrics-periodic", error.violation) from error
    return path


def telemetry_at(session: AgentSession, path: str, count: int = 1) -> OtherRequest:
    """Wait for telemetry at a path, so many times; return the last request. Raises ViolationError."""

    def are_there(record: OtherRequest) -> bool:
        return sum(one.path == path for one in session.since(OtherRequest)) >= count

    return session.expect(OtherRequest, "telemetry at the offered destination", are_there)
