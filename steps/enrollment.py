"""Steps of the enrollment contract."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.agent import REQUEST_INSTANCE_UID, UNKNOWN_FLAG, Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import errors as expect_errors
from opamp_conformance.expect import identification as expect_identification
from opamp_conformance.expect import replies as expect_replies
from opamp_conformance.scene import Scene


@given("an enrolled agent", target_fixture="agent")
def _(scene: Scene) -> Agent:
    return scene.enrolled_agent()


@given("a server that accepts agent_disconnect from an enrolled agent")
def _(scene: Scene) -> None:
    scene.enrollment.require_members_may_disconnect()


@given("the agent has checked in")
def _(scene: Scene, agent: Agent) -> None:
    scene.check_in(agent)


@given("the agent has disconnected")
def _(scene: Scene, agent: Agent) -> None:
    scene.disconnect(agent)


@given("the agent has disconnected with a full report")
def _(scene: Scene, agent: Agent) -> None:
    scene.disconnect(agent, full_report=True)


@given("the agent has been given a new_instance_uid", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.given_new_instance_uid(agent)


@given("the agent has been given a new_instance_uid before it described itself", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.given_new_instance_uid(agent, described=False)


@given("another agent has been given a new_instance_uid")
def _(scene: Scene) -> None:
    scene.given_new_instance_uid(scene.unknown_agent())


@given("the agent has adopted its new_instance_uid")
def _(scene: Scene, agent: Agent, exchange: Exchange) -> None:
    scene.adopt(agent, exchange)


@given("the agent has checked in under its new_instance_uid")
def _(scene: Scene, exchange: Exchange) -> None:
    scene.check_in(scene.successor(exchange))


@given("the agent's agent_disconnect was refused", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.refused_disconnect(agent)


@given("the agent's agent_disconnect with a full report was refused", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.refused_disconnect(agent, full_report=True)


@given("the agent's agent_disconnect with the RequestInstanceUid flag was refused", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.refused_disconnect(agent, flags=REQUEST_INSTANCE_UID)


@given(
    "the agent's agent_disconnect with the RequestInstanceUid flag and a full report was refused",
    target_fixture="exchange",
)
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.refused_disconnect(agent, flags=REQUEST_INSTANCE_UID, full_report=True)


@when(parsers.parse("the agent asks for a new instance_uid {count:d} times in a row"), target_fixture="exchanges")
def _(scene: Scene, agent: Agent, count: int) -> list[Exchange]:
    return scene.ask_in_a_row([agent] * count)


@when(
    parsers.parse("the agent and {clones:d} clones of it ask for a new instance_uid at once"),
    target_fixture="exchanges",
)
def _(scene: Scene, agent: Agent, clones: int) -> list[Exchange]:
    return scene.clones_ask_at_once(agent, clones)


@when("the agents ask for a new instance_uid one after the other", target_fixture="exchanges")
def _(scene: Scene, agents: list[Agent]) -> list[Exchange]:
    return scene.ask_in_a_row(agents)


@when("the agents ask for a new instance_uid at once", target_fixture="exchanges")
def _(scene: Scene, agents: list[Agent]) -> list[Exchange]:
    return scene.ask_at_once(agents)


@when("the agent disconnects with a full report", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.disconnect(full_report=True))


@when("the agent disconnects with an unknown flag", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.disconnect(flags=UNKNOWN_FLAG))


@when("the agent disconnects with the RequestInstanceUid flag", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.disconnect(flags=REQUEST_INSTANCE_UID))


@when("the agent disconnects with the RequestInstanceUid flag and a full report", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.disconnect(flags=REQUEST_INSTANCE_UID, full_report=True))


@then("a new_instance_uid is announced")
def _(exchange: Exchange) -> None:
    expect_identification.new_enrollment_announced(exchange)


@then("no new_instance_uid is announced")
def _(exchange: Exchange) -> None:
    expect_identification.nothing_announced(exchange)


@then("the announced instance_uids are all different")
def _(exchanges: list[Exchange]) -> None:
    expect_identification.all_different(exchanges)


@then("new_instance_uid differs from the instance_uid of the request")
def _(exchange: Exchange) -> None:
    expect_identification.other_than_incoming(exchange)


@then("the time in new_instance_uid is within a day of now")
def _(scene: Scene, exchange: Exchange) -> None:
    expect_identification.time_near(exchange, scene.now())


@then("new_instance_uid was never handed out before")
def _(scene: Scene, exchange: Exchange) -> None:
    expect_identification.never_handed_out_before(scene.client, exchange)


@then("the message is accepted")
def _(exchange: Exchange) -> None:
    expect_replies.accepted(exchange)


@then("the message is refused as a BadRequest")
def _(exchange: Exchange) -> None:
    expect_errors.refused_as_bad_request(exchange)


@then("the agent is enrolled under its own instance_uid")
def _(scene: Scene, agent: Agent) -> None:
    expect_identification.enrolled(scene.enrollment, agent)


@then("the agent is not enrolled under its own instance_uid")
def _(scene: Scene, agent: Agent) -> None:
    expect_identification.not_enrolled(scene.enrollment, agent)


@then("the agent is enrolled under its new_instance_uid")
def _(scene: Scene, exchange: Exchange) -> None:
    expect_identification.enrolled(scene.enrollment, scene.successor(exchange))


@then("an agent is enrolled under each announced instance_uid")
def _(scene: Scene, exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        expect_identification.enrolled(scene.enrollment, scene.successor(exchange))
