"""Steps about malformed messages."""

from pytest_bdd import given, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.actions.preconditions import require_error
from opamp_conformance.assertions import bad_request as assert_bad_request
from opamp_conformance.assertions.common import satisfies
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange


@given("the agent's bytes that are not protobuf were answered with an error_response", target_fixture="exchange")
def _(context: ScenarioContext) -> Exchange:
    return require_error(context.malformed.not_protobuf())


@given("the agent's broken gzip was answered with an error_response", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return require_error(context.malformed.broken_gzip(agent))


@given("the agent's malformed instance_uid was answered with an error_response", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return require_error(context.malformed.wrong_uid_length(agent, 8))


@when("the agent sends bytes that are not protobuf", target_fixture="exchange")
def _(context: ScenarioContext) -> Exchange:
    return context.malformed.not_protobuf()


@when("the agent sends its full status cut short", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.malformed.cut_short(agent)


@when("the agent sends its full status as broken gzip", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.malformed.broken_gzip(agent)


@when("the agent sends its full status as gzip cut short", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.malformed.gzip_cut_short(agent)


@then("the response is an error_response")
def _(exchange: Exchange) -> None:
    assert_bad_request.is_error(exchange)


@then("the error is a BadRequest")
def _(exchange: Exchange) -> None:
    assert_bad_request.is_bad_request(exchange)


@then("the error has a readable error_message")
def _(exchange: Exchange) -> None:
    assert_bad_request.is_readable(exchange)


@then("the message has no other content than the error")
def _(exchange: Exchange) -> None:
    satisfies("error.excludes-other-fields", exchange)


@then("the error has no retry_info")
def _(exchange: Exchange) -> None:
    satisfies("error.retry-info-only-unavailable", exchange)
