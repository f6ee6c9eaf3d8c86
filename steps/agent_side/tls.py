"""Steps about endpoints over TLS, and proxies, that the server offers to an agent."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.agent_side import tls as tls_actions
from opamp_conformance.actions.agent_side.headers import headers
from opamp_conformance.actions.agent_side.proxy import proxy
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.assertions.agent_side import connection_settings as assert_settings
from opamp_conformance.scripted_server.certificates import ONE_SUITE, OTHER_SUITE, TlsEndpoint
from opamp_conformance.scripted_server.records import ProxyUsed
from opamp_proto import opamp_pb2 as pb


@given("the agent has moved to an endpoint over TLS that the server has offered")
def _(agent_session: AgentSession) -> None:
    tls_actions.move_to_tls(agent_session)


@given("the agent has moved to an endpoint over TLS, through a proxy that the server has offered")
def _(agent_session: AgentSession) -> None:
    tls_actions.move_through_proxy(agent_session)


@when("the server offers an endpoint over TLS, with the authority of its certificate", target_fixture="offer")
@when("the server offers another endpoint over TLS, without a proxy", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return tls_actions.offer_tls(agent_session, tls=tls_actions.trusted(agent_session))


@when("the server offers an endpoint over TLS whose authority the agent does not know", target_fixture="offer")
@when("the server offers another endpoint over TLS, without settings for TLS", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return tls_actions.offer_tls(agent_session)


@when("the server offers an endpoint over TLS by a name that its certificate does not have", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return tls_actions.offer_tls_by_name(agent_session)


@when("the server offers an endpoint over TLS that the agent is not to verify", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return tls_actions.offer_tls(agent_session, tls=pb.TLSConnectionSettings(insecure_skip_verify=True))


@when(parsers.parse("the server offers an endpoint that has TLS {version} only, and {lowest} as the lowest version"))
def _(agent_session: AgentSession, version: str, lowest: str) -> None:
    tls = tls_actions.trusted(agent_session, min_version=lowest)
    tls_actions.offer_tls(agent_session, TlsEndpoint(f"TLS {version}"), tls=tls)


@when(parsers.parse("the server offers an endpoint that has TLS {version} only, and {highest} as the highest version"))
def _(agent_session: AgentSession, version: str, highest: str) -> None:
    tls = tls_actions.trusted(agent_session, max_version=highest)
    tls_actions.offer_tls(agent_session, TlsEndpoint(f"TLS {version}"), tls=tls)


@when("the server offers an endpoint that has one cipher suite, and another one as the only suite")
def _(agent_session: AgentSession) -> None:
    tls_actions.offer_suite(agent_session, OTHER_SUITE)


@when("the server offers an endpoint that has one cipher suite, and that one as the only suite")
def _(agent_session: AgentSession) -> None:
    tls_actions.offer_suite(agent_session, ONE_SUITE)


@when("the server offers an endpoint over TLS, and a proxy", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    settings = proxy(agent_session, connect_headers=headers())
    return tls_actions.offer_tls(agent_session, tls=tls_actions.trusted(agent_session), proxy=settings)


@then("the agent connects to the offered endpoint over TLS")
def _(agent_session: AgentSession) -> None:
    tls_actions.arrival_over_tls(agent_session)


@then("the agent connects to the offered endpoint through the proxy")
def _(agent_session: AgentSession) -> None:
    assert_settings.comes_through_proxy(tls_actions.arrival_over_tls(agent_session))


@then("the agent asks the proxy for a connection with the offered headers")
def _(agent_session: AgentSession) -> None:
    tls_actions.arrival_over_tls(agent_session)
    assert_settings.has_headers(agent_session.expect(ProxyUsed, "a request to the offered proxy"))
