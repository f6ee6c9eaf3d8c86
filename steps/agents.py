"""Steps that every chapter uses: agents, and the messages they send."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.agent import REQUEST_INSTANCE_UID, UNKNOWN_FLAG, Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import replies as expect_replies
from opamp_conformance.scene import Scene


@given("an unknown agent", target_fixture="agent")
def _(scene: Scene) -> Agent:
    return scene.unknown_agent()


@given("an agent with every capability", target_fixture="agent")
def _(scene: Scene) -> Agent:
    return scene.able_agent()


@given(parsers.parse("an agent with every capability but {name}"), target_fixture="agent")
def _(scene: Scene, name: str) -> Agent:
    return scene.able_agent(name)


@given("an agent that only reports its status", target_fixture="agent")
def _(scene: Scene) -> Agent:
    return scene.plain_agent()


@given(parsers.parse("{count:d} unknown agents"), target_fixture="agents")
def _(scene: Scene, count: int) -> list[Agent]:
    return scene.unknown_agents(count)


@given("an agent that has reported its full status", target_fixture="agent")
def _(scene: Scene) -> Agent:
    return scene.reported_agent()


@given("the agent has reported its full status")
def _(scene: Scene, agent: Agent) -> None:
    scene.report(agent)


@given("a server that can be operated")
def _(scene: Scene) -> None:
    scene.operator.require_control()


@given(parsers.re(r"the agent has checked in (?P<count>\d+) times?"))
def _(scene: Scene, agent: Agent, count: str) -> None:
    for _ in range(int(count)):
        scene.require_accepted(scene.client.send(agent.check_in()))


@when("the agent reports its full status", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.full_status())


@when("the agent reports its full status with the RequestInstanceUid flag", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.full_status(flags=REQUEST_INSTANCE_UID))


@when(
    "the agent reports its full status with the RequestInstanceUid flag and an unknown one", target_fixture="exchange"
)
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.full_status(flags=REQUEST_INSTANCE_UID | UNKNOWN_FLAG))


@when("the agent reports its full status with an unknown flag", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.full_status(flags=UNKNOWN_FLAG))


@when("the agent checks in", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.check_in())


@when("the agent checks in with the RequestInstanceUid flag", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.check_in(flags=REQUEST_INSTANCE_UID))


@when("the agent checks in with an unknown flag", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.check_in(flags=UNKNOWN_FLAG))


@when("the agent hears from the server", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.hear(agent)


@when("the agent disconnects", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.disconnect())


@when("the agents report their full status at once", target_fixture="exchanges")
def _(scene: Scene, agents: list[Agent]) -> list[Exchange]:
    return scene.client.send_at_once([agent.full_status() for agent in agents])


@then("the server answers without an error")
def _(exchange: Exchange) -> None:
    expect_replies.understood(exchange)


@then("a ServerToAgent comes back")
def _(exchange: Exchange) -> None:
    expect_replies.answered(exchange)
