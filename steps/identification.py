"""Steps about who a message speaks of."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.agent import REQUEST_INSTANCE_UID, Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import identification as expect_identification
from opamp_conformance.scene import Scene


@given("the agent has asked for a new instance_uid and was answered", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.answered_request(agent)


@given("the agent has asked for a new instance_uid and was answered with 16 bytes", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.require_16_bytes(scene.answered_request(agent))


@when(
    parsers.parse("the agent reports its full status under an instance_uid of {length:d} bytes"),
    target_fixture="exchange",
)
def _(scene: Scene, agent: Agent, length: int) -> Exchange:
    return scene.deliver_under_malformed_uid(agent, length)


@when(parsers.parse("the agent asks for a new instance_uid under one of {length:d} bytes"), target_fixture="exchange")
def _(scene: Scene, agent: Agent, length: int) -> Exchange:
    return scene.deliver_under_malformed_uid(agent, length, flags=REQUEST_INSTANCE_UID)


@when(
    parsers.parse("{count:d} other agents report their full status on the agent's WebSocket"),
    target_fixture="exchanges",
)
def _(scene: Scene, agent: Agent, count: int) -> list[Exchange]:
    return scene.lanes.report_beside(agent, scene.unknown_agents(count))


@then("the response echoes the instance_uid of the request")
def _(exchange: Exchange) -> None:
    expect_identification.echo(exchange)


@then("each response echoes the instance_uid of its request")
def _(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        expect_identification.echo(exchange)


@then("an error that names an agent names the sender")
def _(exchange: Exchange) -> None:
    expect_identification.echo_by_name(exchange)


@then("an instance_uid is announced")
def _(exchange: Exchange) -> None:
    expect_identification.instance_uid_announced(exchange)


@then("new_instance_uid has 16 bytes")
def _(exchange: Exchange) -> None:
    expect_identification.sixteen_bytes(exchange)


@then("new_instance_uid is a UUID version 7")
def _(exchange: Exchange) -> None:
    expect_identification.uuid_version_7(exchange)
