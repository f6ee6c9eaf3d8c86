"""Steps that every chapter uses: agents, and the messages they send."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import status_reporting as assert_status_reporting
from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, UNKNOWN_FLAG, Agent
from opamp_conformance.client.message_parts import with_part
from opamp_conformance.client.sample_messages import NEWER_CAPABILITY
from opamp_conformance.wire.exchange import Exchange


@given("an unknown agent", target_fixture="agent")
def _(context: ScenarioContext) -> Agent:
    return context.agents.unknown()


@given("another unknown agent", target_fixture="other_agent")
def _(context: ScenarioContext) -> Agent:
    return context.agents.unknown()


@given("an agent with every capability", target_fixture="agent")
def _(context: ScenarioContext) -> Agent:
    return context.agents.with_every_capability()


@given("an agent with every capability, and one of a newer protocol", target_fixture="agent")
def _(context: ScenarioContext) -> Agent:
    agent = context.agents.with_every_capability()
    agent.capabilities |= NEWER_CAPABILITY
    return agent


@given(parsers.parse("an agent with every capability but {name}"), target_fixture="agent")
def _(context: ScenarioContext, name: str) -> Agent:
    return context.agents.with_every_capability(name)


@given("an agent that only reports its status", target_fixture="agent")
def _(context: ScenarioContext) -> Agent:
    return context.agents.only_reporting_status()


@given(parsers.parse("{count:d} agents with every capability"), target_fixture="agents")
def _(context: ScenarioContext, count: int) -> list[Agent]:
    return [context.agents.with_every_capability() for _ in range(count)]


@given(parsers.parse("{count:d} unknown agents"), target_fixture="agents")
def _(context: ScenarioContext, count: int) -> list[Agent]:
    return context.agents.several(count)


@given("an agent that has reported its full status", target_fixture="agent")
def _(context: ScenarioContext) -> Agent:
    return context.agents.reported()


@given("the agent has reported its full status")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.agents.report(agent)


@given("a server with a control plane")
def _(context: ScenarioContext) -> None:
    context.control_plane.require()


@given(parsers.re(r"the agent has checked in (?P<count>\d+) times?"), converters={"count": int})
def _(context: ScenarioContext, agent: Agent, count: int) -> None:
    context.agents.check_in(agent, count)


@when("the agent reports its full status", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.full_status())


@when("the agent reports its full status with the RequestInstanceUid flag", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.full_status(flags=REQUEST_INSTANCE_UID))


@when(
    "the agent reports its full status with the RequestInstanceUid flag and an unknown one", target_fixture="exchange"
)
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.full_status(flags=REQUEST_INSTANCE_UID | UNKNOWN_FLAG))


@when("the agent reports its full status with an unknown flag", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.full_status(flags=UNKNOWN_FLAG))


# Another step ends in "after 1 lost message".
@when(parsers.re(r"the agent sends a message with (?P<part>(?:(?! after ).)+)"), target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent, part: str) -> Exchange:
    return context.client.send(with_part(agent, part))


@when("the agent checks in", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.check_in())


@when("the agent checks in with the RequestInstanceUid flag", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.check_in(flags=REQUEST_INSTANCE_UID))


@when("the agent checks in with an unknown flag", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.check_in(flags=UNKNOWN_FLAG))


@when("the agent receives the next message", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.receive_next(agent.check_in, agent.instance_uid)


@when("the agent disconnects", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.disconnect())


@when("the agents report their full status at once", target_fixture="exchanges")
def _(context: ScenarioContext, agents: list[Agent]) -> list[Exchange]:
    return context.client.send_at_once([agent.full_status() for agent in agents])


@then("the server answers without an error")
def _(exchange: Exchange) -> None:
    assert_status_reporting.understood(exchange)


@then("the server answers with a ServerToAgent")
def _(exchange: Exchange) -> None:
    assert_status_reporting.answered(exchange)
