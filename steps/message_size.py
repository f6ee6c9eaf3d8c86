"""Steps about limits on the size of messages."""

from pytest_bdd import given, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import message_size as assert_message_size
from opamp_conformance.client.agent import Agent
from opamp_conformance.wire.exchange import Exchange


@given("a server that may be sent large messages")
def _(context: ScenarioContext) -> None:
    context.message_size.require_large_messages_allowed()


@when("the agent checks in with a message as large as the limit", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.message_size.check_in(agent)


@when("the agent checks in with a message as large as the limit, compressed with gzip", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.message_size.check_in_compressed(agent)


@when("the agent checks in with a message as large as the limit, in parts", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.message_size.check_in_in_parts(agent)


@when("the agent checks in with a message one byte larger than the limit", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.message_size.check_in(agent, beyond=1)


@when(
    "the agent checks in with a message one byte larger than the limit, compressed with gzip", target_fixture="exchange"
)
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.message_size.check_in_compressed(agent, beyond=1)


@when("the agent checks in with a message one byte larger than the limit, in parts", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.message_size.check_in_in_parts(agent, beyond=1)


@then("the message is not accepted")
def _(exchange: Exchange) -> None:
    assert_message_size.not_accepted(exchange)


@then("the request is refused as too large")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_message_size.refused(exchange, is_limit_known=context.message_size.is_limit_known)


@then("the message is not processed, because it is too large")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_message_size.not_processed(exchange, is_limit_known=context.message_size.is_limit_known)


@then("the server closes the WebSocket with the code 1009")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_message_size.closed(exchange, is_limit_known=context.message_size.is_limit_known)
