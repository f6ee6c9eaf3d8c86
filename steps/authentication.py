"""Steps about credentials."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.actions.plain_http import wrong_credentials
from opamp_conformance.assertions import plain_http as assert_plain_http
from opamp_conformance.assertions import websocket as assert_websocket
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange


@given("a server that requires credentials")
def _(context: ScenarioContext) -> None:
    context.http.require_credentials()


@given("a client with credentials")
def _(context: ScenarioContext) -> None:
    context.http.require_credentials_given()


@when("the agent reports its full status without credentials, and with wrong ones", target_fixture="exchanges")
def _(context: ScenarioContext, agent: Agent) -> list[Exchange]:
    return context.http.reports_without_valid_credentials(agent)


@when("the agent reports its full status without credentials", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.report(agent, {}, with_credentials=False)


@when("the agent reports its full status with wrong credentials", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.report_with_wrong_credentials(agent)


@when("the agent reports its full status with credentials that are too long", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.report_with_longer_credentials(agent)


@when("the agent reports its full status with credentials of an unknown scheme", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.report(agent, {"Authorization": "Nonesuch 0"}, with_credentials=False)


@when("the agent sends bytes that are not protobuf without credentials", target_fixture="exchange")
def _(context: ScenarioContext) -> Exchange:
    return context.malformed.not_protobuf_without_credentials()


@when("the agent opens a WebSocket without credentials", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.websocket.open_and_report(agent, {}, with_credentials=False)


@when("the agent opens a WebSocket with wrong credentials", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    headers = wrong_credentials(context.client.endpoint.headers)
    return context.websocket.open_and_report(agent, headers, with_credentials=False)


@then("one of the reports is refused")
def _(exchanges: list[Exchange]) -> None:
    assert_plain_http.any_refused(exchanges)


@then("no WebSocket opens")
def _(exchange: Exchange) -> None:
    assert_websocket.not_opened(exchange)


@then(parsers.parse("the request is answered with the status {status:d}"))
def _(exchange: Exchange, status: int) -> None:
    assert_plain_http.status(exchange, status)
