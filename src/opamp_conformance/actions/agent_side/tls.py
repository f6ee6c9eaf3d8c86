"""Endpoints over TLS that the scripted server offers to an agent."""

from typing import Final

from opamp_conformance.actions.agent_side.connection_settings import arrival, offer_opamp
from opamp_conformance.actions.agent_side.proxy import proxy
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.errors import NotApplicableError, PreconditionFailedError, Violation
from opamp_conformance.scripted_server.certificates import TlsEndpoint
from opamp_conformance.scripted_server.records import MessageReceived
from opamp_conformance.scripted_server.server import HOST, SECOND_PATH
from opamp_conformance.targets import ENDPOINT_PATH
from opamp_proto import opamp_pb2 as pb

_NAME: Final = "localhost"


def trusted(session: AgentSession, **fields: object) -> pb.TLSConnectionSettings:
    """Return settings for TLS that name the authority of the server, with other fields."""
    return pb.TLSConnectionSettings(ca_pem_contents=session.server.authority.pem, **fields)  # type: ignore[arg-type]


def offer_tls(
    session: AgentSession, endpoint: TlsEndpoint = TlsEndpoint.ORDINARY, path: str = SECOND_PATH, **fields: object
) -> pb.ConnectionSettingsOffers:
    """Offer an endpoint over TLS, with other fields of the settings."""
    url = session.server.tls_url(session.transport, endpoint, path)
    return offer_opamp(session, destination_endpoint=url, **fields)


def offer_tls_by_name(session: AgentSession) -> pb.ConnectionSettingsOffers:
    """Offer an endpoint by a name of this machine; its certificate has the address only."""
    url = session.server.tls_url(session.transport)
    if HOST not in url:
        raise NotApplicableError(f"the server listens at {url}, which may be no name of this machine")
    return offer_opamp(session, destination_endpoint=url.replace(HOST, _NAME), tls=trusted(session))


def offer_suite(session: AgentSession, suite: str) -> pb.ConnectionSettingsOffers:
    """Offer an endpoint that has TLS 1.2 with one cipher suite only, and one as the only one of the agent."""
    tls = trusted(session, max_version="1.2", cipher_suites=[suite])
    return offer_tls(session, TlsEndpoint.ONE_SUITE, tls=tls)


def arrival_over_tls(session: AgentSession) -> MessageReceived:
    """Wait for a message at an offered endpoint over TLS; raises ViolationError."""
    return arrival(session, "a message at the offered endpoint over TLS", has_arrived)


def has_arrived(record: MessageReceived) -> bool:
    """Return whether a message came to the endpoint that ``offer_tls`` offers."""
    return record.is_tls and record.path == SECOND_PATH


def move_to_tls(
    session: AgentSession, endpoint: TlsEndpoint = TlsEndpoint.ORDINARY, **fields: object
) -> MessageReceived:
    """Offer an endpoint over TLS, and wait until the agent has accepted it: until it answers there.

    The path is not that of later offers, so that these lead elsewhere. Returns the first message there.
    """
    offer_tls(session, endpoint, ENDPOINT_PATH, tls=trusted(session), **fields)
    record = arrival(session, "a message over TLS", lambda record: record.is_tls)
    session.fence()
    return record


def move_through_proxy(session: AgentSession) -> None:
    """Offer an endpoint over TLS and a proxy, and wait until the agent uses both; raises PreconditionFailedError."""
    if not move_to_tls(session, proxy=proxy(session)).through_proxy:
        raise PreconditionFailedError("proxy.url-used", Violation("a connection through the proxy", "a direct one"))
