"""Steps of the enrollment contract."""

import time

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import bad_request as assert_bad_request
from opamp_conformance.assertions import enrollment as assert_enrollment
from opamp_conformance.assertions import identification as assert_identification
from opamp_conformance.assertions import status_reporting as assert_status_reporting
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, UNKNOWN_FLAG, Agent
from opamp_conformance.client.message_parts import with_part
from opamp_conformance.wire.exchange import Exchange


@given(parsers.parse("an unknown agent whose instance_uid is a UUID of version {version:d}"), target_fixture="agent")
def _(context: ScenarioContext, version: int) -> Agent:
    return context.agents.with_uuid_of(version)


@given("an enrolled agent", target_fixture="agent")
def _(context: ScenarioContext) -> Agent:
    return context.enrollment.enrolled_agent()


@given("a server that accepts agent_disconnect from an enrolled agent")
def _(context: ScenarioContext) -> None:
    context.enrollment.require_disconnect_accepted()


@given("an API key that is no enrollment key", target_fixture="key")
def _(context: ScenarioContext) -> str:
    return context.http.ordinary_key()


@given("an enrollment key that was retired", target_fixture="key")
def _(context: ScenarioContext) -> str:
    return context.http.retired_key()


@when("the agent reports its full status with that key", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, key: str) -> Exchange:
    return context.http.report_with_key(agent, key)


@given("the agent has checked in")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.enrollment.check_in(agent)


@given("the agent has disconnected")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.enrollment.disconnect(agent)


@given("the agent has disconnected with a full report")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.enrollment.disconnect(agent, full_report=True)


@given("the agent has received a new_instance_uid", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.instance_uid.enrolled_anew(agent)


@given("the agent has received a new_instance_uid before it described itself", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.instance_uid.enrolled_anew(agent, described=False)


@given("another agent has received a new_instance_uid")
def _(context: ScenarioContext) -> None:
    context.instance_uid.enrolled_anew(context.agents.unknown())


@given("the agent has adopted its new_instance_uid")
def _(context: ScenarioContext, agent: Agent, exchange: Exchange) -> None:
    context.instance_uid.adopt(agent, exchange)


@given("the agent has checked in with its new_instance_uid")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    context.enrollment.check_in(context.instance_uid.successor(exchange))


@given("the agent's agent_disconnect was refused", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.enrollment.refused_disconnect(agent)


@given("the agent's agent_disconnect with a full report was refused", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.enrollment.refused_disconnect(agent, full_report=True)


@given("the agent's agent_disconnect with the RequestInstanceUid flag was refused", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.enrollment.refused_disconnect(agent, flags=REQUEST_INSTANCE_UID)


@given(
    "the agent's agent_disconnect with the RequestInstanceUid flag and a full report was refused",
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.enrollment.refused_disconnect(agent, flags=REQUEST_INSTANCE_UID, full_report=True)


@when(parsers.parse("the agent asks for a new instance_uid {count:d} times in a row"), target_fixture="exchanges")
def _(context: ScenarioContext, agent: Agent, count: int) -> list[Exchange]:
    return context.instance_uid.ask_in_a_row([agent] * count)


@when("the agent reports a configuration that is not YAML with the RequestInstanceUid flag", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    message = sample_messages.with_configuration_that_is_not_yaml(agent, flags=REQUEST_INSTANCE_UID)
    return context.client.send(message)


@when(
    parsers.parse("the agent and {clones:d} clones of it ask for a new instance_uid at once"),
    target_fixture="exchanges",
)
def _(context: ScenarioContext, agent: Agent, clones: int) -> list[Exchange]:
    return context.instance_uid.clones_ask_at_once(agent, clones)


@when("the agents ask for a new instance_uid one after the other", target_fixture="exchanges")
def _(context: ScenarioContext, agents: list[Agent]) -> list[Exchange]:
    return context.instance_uid.ask_in_a_row(agents)


@when("the agents ask for a new instance_uid at once", target_fixture="exchanges")
def _(context: ScenarioContext, agents: list[Agent]) -> list[Exchange]:
    return context.instance_uid.ask_at_once(agents)


@when(parsers.parse("the agent asks for a new instance_uid in a message with {part}"), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, part: str) -> Exchange:
    return context.client.send(with_part(agent, part, flags=REQUEST_INSTANCE_UID))


@when(parsers.parse("the agent disconnects in a message with {part}"), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, part: str) -> Exchange:
    return context.enrollment.send_disconnect_with(agent, part)


@when(
    parsers.parse("the agent disconnects with the RequestInstanceUid flag in a message with {part}"),
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, part: str) -> Exchange:
    return context.enrollment.send_disconnect_with(agent, part, flags=REQUEST_INSTANCE_UID)


@when("the agent disconnects in a compressed message", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.disconnect_compressed(agent)


@when("the agent disconnects with the RequestInstanceUid flag in a compressed message", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.http.disconnect_compressed(agent, flags=REQUEST_INSTANCE_UID)


@when("the agent disconnects with a full report", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.disconnect(full_report=True))


@when("the agent disconnects with an unknown flag", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.disconnect(flags=UNKNOWN_FLAG))


@when("the agent disconnects with the RequestInstanceUid flag", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.disconnect(flags=REQUEST_INSTANCE_UID))


@when("the agent disconnects with the RequestInstanceUid flag and a full report", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.disconnect(flags=REQUEST_INSTANCE_UID, full_report=True))


@then("a new_instance_uid is announced")
def _(exchange: Exchange) -> None:
    assert_identification.accepted_and_announced(exchange)


@then("no new_instance_uid is announced")
def _(exchange: Exchange) -> None:
    assert_identification.none_announced(exchange)


@then("the announced instance_uids are all different")
def _(exchanges: list[Exchange]) -> None:
    assert_identification.all_different(exchanges)


@then("new_instance_uid differs from the instance_uid of the request")
def _(exchange: Exchange) -> None:
    assert_identification.other_than_incoming(exchange)


@then("the time in new_instance_uid is within a day of now")
def _(exchange: Exchange) -> None:
    assert_identification.time_near(exchange, time.time())


@then("new_instance_uid was never announced before")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_identification.never_announced_before(exchange, context.client.log.agents.handed_out)


@then("the message is accepted")
def _(exchange: Exchange) -> None:
    assert_status_reporting.accepted(exchange)


@then("the message is refused as a BadRequest")
def _(exchange: Exchange) -> None:
    assert_bad_request.refused(exchange)


@then("the agent is enrolled under its own instance_uid")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_enrollment.enrolled(context.enrollment, agent)


@then("the agent is not enrolled under its own instance_uid")
def _(context: ScenarioContext, agent: Agent) -> None:
    assert_enrollment.not_enrolled(context.enrollment, agent)


@then("the agent is enrolled under its new_instance_uid")
def _(context: ScenarioContext, exchange: Exchange) -> None:
    assert_enrollment.enrolled(context.enrollment, context.instance_uid.successor(exchange))


@then("an agent is enrolled under each announced instance_uid")
def _(context: ScenarioContext, exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        assert_enrollment.enrolled(context.enrollment, context.instance_uid.successor(exchange))
