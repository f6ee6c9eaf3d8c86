"""Steps about the connection settings of an agent."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.agent_side import connection_settings as settings_actions
from opamp_conformance.actions.agent_side.headers import headers
from opamp_conformance.actions.agent_side.proxy import proxy
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.actions.agent_side.telemetry import metrics_of
from opamp_conformance.assertions.agent_side import connection_settings as assert_settings
from opamp_conformance.assertions.agent_side import connections as assert_connections
from opamp_conformance.assertions.agent_side import identification as assert_identification
from opamp_conformance.scripted_server.records import MessageReceived, Opened, ProxyUsed
from opamp_proto import opamp_pb2 as pb

APPLYING, APPLIED = pb.ConnectionSettingsStatuses_APPLYING, pb.ConnectionSettingsStatuses_APPLIED
FAILED = pb.ConnectionSettingsStatuses_FAILED


@given("the agent has moved to another endpoint that the server has offered", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return settings_actions.move_to_second(agent_session)


@given("the agent has moved to another endpoint, with two headers, that the server has offered")
def _(agent_session: AgentSession) -> None:
    settings_actions.move_to_second(agent_session, headers=headers())


@given("the agent has returned from an endpoint that does not work")
def _(agent_session: AgentSession) -> None:
    settings_actions.return_from_dead_endpoint(agent_session)


@given("the agent sends its metrics to a destination that the server has offered", target_fixture="destination")
def _(agent_session: AgentSession) -> str:
    return settings_actions.let_send_metrics(agent_session)


@when("the server offers another endpoint", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return settings_actions.offer_second_endpoint(agent_session)


@when("the server offers another endpoint and two headers", target_fixture="offer")
@when("the server offers that endpoint again, and two headers", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return settings_actions.offer_second_endpoint(agent_session, headers=headers())


@when("the server offers an endpoint where nothing listens", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return settings_actions.offer_dead_endpoint(agent_session)


@when("the server offers an endpoint where nothing listens, and two headers")
def _(agent_session: AgentSession) -> None:
    settings_actions.offer_dead_endpoint(agent_session, headers=headers())


@when("the server offers an endpoint that refuses the agent with 401", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return settings_actions.offer_unauthorized_endpoint(agent_session)


@when("the server offers an endpoint that is no URL", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return settings_actions.offer_opamp(agent_session, destination_endpoint="no URL")


@when("the server offers another interval of heartbeats", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return settings_actions.offer_second_endpoint(agent_session, heartbeat_interval_seconds=2)


@when("the server offers settings for another connection only", target_fixture="offer")
def _(agent_session: AgentSession) -> pb.ConnectionSettingsOffers:
    return settings_actions.offer_nothing_for_opamp(agent_session)


@when(parsers.parse("the server offers a destination for the agent's own {signal}"), target_fixture="destination")
def _(agent_session: AgentSession, signal: str) -> str:
    return settings_actions.offer_telemetry(agent_session, signal)


@when("the server offers another endpoint, and a destination for the agent's own metrics", target_fixture="destination")
def _(agent_session: AgentSession) -> str:
    return settings_actions.offer_second_endpoint_and_telemetry(agent_session)


@when("the agent has connected to the offered endpoint")
def _(agent_session: AgentSession) -> None:
    settings_actions.require_arrival_at_second(agent_session)


@when("the server offers a destination and a proxy for the agent's own metrics", target_fixture="destination")
def _(agent_session: AgentSession) -> str:
    return settings_actions.offer_telemetry(agent_session, "metrics", proxy=proxy(agent_session))


@then("the agent connects to the offered endpoint")
def _(agent_session: AgentSession) -> None:
    settings_actions.arrival_at_second(agent_session)


@then("the agent reports at the offered endpoint under the same instance_uid")
def _(agent_session: AgentSession) -> None:
    settings_actions.arrival_at_second(agent_session)
    assert_identification.has_uid(agent_session.fence(), agent_session.first.instance_uid)


@then("the agent's first message comes to the offered endpoint")
def _(agent_session: AgentSession) -> None:
    settings_actions.arrival_at_second(agent_session)


@then("the agent's next message comes to the offered endpoint")
def _(agent_session: AgentSession) -> None:
    assert_settings.is_at_offered_endpoint(agent_session.message("a message"))


@then("the agent connects to the offered endpoint with the headers")
def _(agent_session: AgentSession) -> None:
    record = settings_actions.arrival_at_second(agent_session)
    assert_settings.has_headers(record)


@then("the agent connects with the headers")
def _(agent_session: AgentSession) -> None:
    settings_actions.arrival_with_headers(agent_session)


@then("the agent returns to the offered endpoint")
def _(agent_session: AgentSession) -> None:
    assert_settings.is_at_offered_endpoint(settings_actions.return_to_any(agent_session))


@then("the agent does not go to the offered endpoint")
def _(agent_session: AgentSession) -> None:
    agent_session.fence()
    assert_settings.none_at_offered_endpoint(agent_session.since(MessageReceived))


@then("the agent sends no telemetry there")
def _(agent_session: AgentSession, destination: str) -> None:
    assert_settings.no_telemetry(agent_session.soon(destination))


@then("the agent stays at the offered endpoint")
def _(agent_session: AgentSession) -> None:
    assert_settings.stays(agent_session.before_fence())
    assert_settings.none_at_old_endpoint(agent_session.since(MessageReceived))


@then("the agent returns to the old endpoint")
def _(agent_session: AgentSession) -> None:
    settings_actions.return_to_old(agent_session)


@then("the agent returns to the old endpoint without the headers")
def _(agent_session: AgentSession) -> None:
    assert_settings.has_no_headers(settings_actions.return_to_old(agent_session))


@then("the agent reports that it applies the settings")
def _(agent_session: AgentSession, offer: pb.ConnectionSettingsOffers) -> None:
    settings_actions.status(agent_session, offer, APPLYING)


@then("the agent reports that the settings are applied")
def _(agent_session: AgentSession, offer: pb.ConnectionSettingsOffers) -> None:
    settings_actions.status(agent_session, offer, APPLIED)


@then("the agent reports that the settings have failed")
def _(agent_session: AgentSession, offer: pb.ConnectionSettingsOffers) -> None:
    settings_actions.status(agent_session, offer, FAILED)


@then("the agent does not report that the settings are applied")
def _(agent_session: AgentSession, offer: pb.ConnectionSettingsOffers) -> None:
    settings_actions.return_to_old(agent_session)
    agent_session.fence()
    assert_settings.never_applied(agent_session.since(MessageReceived), offer)


@then("the agent's next full report has the hash of the settings")
def _(agent_session: AgentSession, offer: pb.ConnectionSettingsOffers) -> None:
    assert_settings.tells_hash(agent_session.fence(), offer)


@then("the agent disconnects before it connects anew")
def _(agent_session: AgentSession) -> None:
    opened = agent_session.expect(Opened, "a connection to the offered endpoint")
    assert_connections.leaves_before(agent_session.server.records.all(agent_session.position), opened)


@then("the agent reports the status of the settings")
def _(agent_session: AgentSession) -> None:
    agent_session.message("connection_settings_status", lambda message: message.HasField("connection_settings_status"))


@then("the agent sends its telemetry there")
def _(agent_session: AgentSession, destination: str) -> None:
    settings_actions.telemetry_at(agent_session, destination)


@then("the agent sends its telemetry there through the proxy")
def _(agent_session: AgentSession, destination: str) -> None:
    settings_actions.telemetry_at(agent_session, destination)
    assert_settings.has_used_proxy(agent_session.since(ProxyUsed))


@then("the agent sends its telemetry there with the offered headers")
def _(agent_session: AgentSession, destination: str) -> None:
    request = settings_actions.telemetry_at(agent_session, destination)
    assert_settings.has_headers(request)


@then("the agent sends its telemetry there with its identifying attributes")
def _(agent_session: AgentSession, destination: str) -> None:
    request = settings_actions.telemetry_at(agent_session, destination)
    assert_settings.identifies(request, agent_session.first)


@then("the agent sends its telemetry there without contradicting its description")
def _(agent_session: AgentSession, destination: str) -> None:
    request = settings_actions.telemetry_at(agent_session, destination)
    assert_settings.describes_alike(request, agent_session.first)


@then("the metrics of the agent's process have the units and the kinds of the conventions")
def _(agent_session: AgentSession, destination: str) -> None:
    request = settings_actions.telemetry_at(agent_session, destination)
    assert_settings.follows_conventions(metrics_of(request))


@then("the agent sends its telemetry there again and again")
def _(agent_session: AgentSession, destination: str) -> None:
    settings_actions.telemetry_at(agent_session, destination, count=2)
