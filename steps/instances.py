"""Steps about several instances of a server."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.agent import REQUEST_INSTANCE_UID, Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import identification as expect_identification
from opamp_conformance.scene import Scene


@given("a server with another instance")
def _(scene: Scene) -> None:
    scene.require_another_instance()


@when("the agent checks in at the other instance", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.send_elsewhere(agent.check_in())


@when("the agent disconnects at the other instance", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.send_elsewhere(agent.disconnect())


@when("the agent asks the other instance for a new instance_uid", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.send_elsewhere(agent.full_status(flags=REQUEST_INSTANCE_UID))


@when(
    parsers.parse("the agent and {clones:d} clones of it ask both instances for a new instance_uid at once"),
    target_fixture="exchanges",
)
def _(scene: Scene, agent: Agent, clones: int) -> list[Exchange]:
    asking = [agent, *(agent.clone() for _ in range(clones))]
    return scene.send_everywhere([one.full_status(flags=REQUEST_INSTANCE_UID) for one in asking])


@when("the agent reports its full status to both instances at once", target_fixture="exchanges")
def _(scene: Scene, agent: Agent) -> list[Exchange]:
    twin = agent.clone()
    return scene.send_everywhere([agent.full_status(), twin.full_status()])


@then("every message is accepted, and no new_instance_uid is announced")
def _(exchanges: list[Exchange]) -> None:
    expect_identification.all_accepted_as_they_are(exchanges)
