"""Steps about reports, their answers, and what each side knows of the other."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.actions.preconditions import require_accepted, require_error
from opamp_conformance.assertions import status_reporting as assert_status_reporting
from opamp_conformance.assertions import throttling as assert_throttling
from opamp_conformance.assertions.common import satisfies
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import Agent
from opamp_conformance.client.message_parts import with_part
from opamp_conformance.wire.exchange import Exchange


@given("an agent that has received the server's capabilities", target_fixture="exchange")
def _(context: ScenarioContext) -> Exchange:
    return context.server.tell()


@when(parsers.parse("the agent checks in {count:d} times"), target_fixture="exchanges")
def _(context: ScenarioContext, agent: Agent, count: int) -> list[Exchange]:
    return [context.client.send(agent.check_in()) for _ in range(count)]


@when(parsers.parse("the agent sends the same check-in {count:d} times"), target_fixture="exchanges")
def _(context: ScenarioContext, agent: Agent, count: int) -> list[Exchange]:
    return [context.client.send(message) for message in [agent.check_in()] * count]


@when(parsers.parse("the agent sends the same full report {count:d} times"), target_fixture="exchanges")
def _(context: ScenarioContext, agent: Agent, count: int) -> list[Exchange]:
    return [context.client.send(message) for message in [agent.full_status()] * count]


@given(parsers.re(r"the agent has checked in after (?P<count>\d+) lost messages?"), converters={"count": int})
def _(context: ScenarioContext, agent: Agent, count: int) -> None:
    agent.lose(count)
    context.agents.check_in(agent)


@when(
    parsers.re(r"the agent checks in after (?P<count>\d+) lost messages?"),
    converters={"count": int},
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, count: int) -> Exchange:
    agent.lose(count)
    return context.client.send(agent.check_in())


@when(
    parsers.re(r"the agent checks in over the other transport after (?P<count>\d+) lost messages?"),
    converters={"count": int},
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, count: int) -> Exchange:
    agent.lose(count)
    return context.other_transport.check_in(agent)


@when("the agent checks in over the other transport", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.other_transport.check_in(agent)


@when(
    parsers.re(r"the agent sends a message with (?P<part>.+) after (?P<count>\d+) lost messages?"),
    converters={"count": int},
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent, part: str, count: int) -> Exchange:
    agent.lose(count)
    return context.client.send(with_part(agent, part))


@given(
    parsers.re(r"the agent's malformed certificate request after (?P<count>\d+) lost messages? was refused"),
    converters={"count": int},
)
def _(context: ScenarioContext, agent: Agent, count: int) -> None:
    agent.lose(count)
    require_error(context.certificates.ask_with_garbage(agent))


@given(parsers.parse("{count:d} other agents have reported their full status"))
def _(context: ScenarioContext, count: int) -> None:
    for other in context.agents.several(count):
        context.agents.report(other)


@when(parsers.parse("the agent checks in with the sequence number {number:d}"), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, number: int) -> Exchange:
    agent.count_from(number)
    return context.client.send(agent.check_in())


@when("the agent reports that it is unhealthy", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.unhealthy(agent))


@when("the agent reports the health of a component with attributes", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.with_health_attributes(agent))


@when(
    parsers.parse("the agent reports the health of components nested {depth:d} levels deep"), target_fixture="exchange"
)
def _(context: ScenarioContext, agent: Agent, depth: int) -> Exchange:
    return context.client.send(sample_messages.with_nested_health(agent, depth))


@then("the answer is not BadRequest")
def _(exchange: Exchange) -> None:
    assert_throttling.not_bad_request(exchange)


@then("the answer is not Unavailable")
def _(exchange: Exchange) -> None:
    assert_throttling.not_unavailable(exchange)


@given("an agent with attributes of each kind", target_fixture="agent")
def _(context: ScenarioContext) -> Agent:
    agent = context.agents.unknown()
    require_accepted(context.client.send(sample_messages.with_attributes_of_each_kind(agent)))
    return agent


@then(parsers.parse('the server no longer knows the attribute "{name}" of the agent'))
def _(context: ScenarioContext, agent: Agent, name: str) -> None:
    assert_status_reporting.attribute_unknown(context.control_plane.record(agent), name)


@then("the server knows that the agent is unhealthy")
def _(context: ScenarioContext, agent: Agent) -> None:
    record = context.control_plane.record(agent)
    assert_status_reporting.reported_value_known(record, "health", "status", "StatusFatalError")


@then("the server knows the description of the agent")
def _(context: ScenarioContext, agent: Agent) -> None:
    record = context.control_plane.record(agent)
    assert_status_reporting.reported_value_known(record, "agent_description", "identifying_attributes")


@then("the server answers each message")
def _(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        assert_status_reporting.answered(exchange)


@then("the server answers, or closes the WebSocket")
def _(exchange: Exchange) -> None:
    assert_status_reporting.answered_or_closed(exchange)


@then("the response is a bare acknowledgement")
def _(exchange: Exchange) -> None:
    assert_status_reporting.bare_acknowledgement(exchange)


@when("an agent with nearly the same instance_uid checks in with the next sequence number", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.similar().check_in())


@then("the server asks for the full state")
def _(exchange: Exchange) -> None:
    assert_status_reporting.full_state_requested(exchange)


@then("the response has the server's capabilities")
def _(exchange: Exchange) -> None:
    assert_status_reporting.capabilities_announced(exchange)


@then("AcceptsStatus is among the server's capabilities")
def _(exchange: Exchange) -> None:
    assert_status_reporting.accepts_status(exchange)


@then("the server's capabilities are all defined")
def _(exchange: Exchange) -> None:
    satisfies("capabilities.server.undefined-bits-zero", exchange)


@when("the agent sends a custom message of an unknown capability", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(sample_messages.custom_message(agent, "org.example.unknown"))


@when(parsers.parse('the agent reports the package "{name}"'), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, name: str) -> Exchange:
    return context.client.send(sample_messages.with_package(agent, name))


@then("the server knows the configuration of the agent")
def _(context: ScenarioContext, agent: Agent) -> None:
    record = context.control_plane.record(agent)
    assert_status_reporting.reported_value_known(record, "effective_config", "config_map")


@then(parsers.parse('the server knows the package "{name}" of the agent'))
def _(context: ScenarioContext, agent: Agent, name: str) -> None:
    record = context.control_plane.record(agent)
    assert_status_reporting.package_known(record, name)
