"""Steps about remote configuration."""

from pytest_bdd import given, then, when

from opamp_conformance.agent import Agent
from opamp_conformance.exchange import Exchange
from opamp_conformance.expect import offers as expect_offers
from opamp_conformance.scene import Scene
from opamp_proto import opamp_pb2 as pb

FIRST, OTHER = "receivers: {}", "receivers: {otlp: {}}"


@given("a server that offers remote configuration")
def _(scene: Scene) -> None:
    scene.operator.require("OffersRemoteConfig")


@given("the operator has offered the agent a configuration")
@when("the operator offers the agent a configuration")
def _(scene: Scene, agent: Agent) -> None:
    scene.operator.offer_configuration(agent, FIRST)


@given("the operator has offered the agent another configuration")
@when("the operator offers the agent another configuration")
def _(scene: Scene, agent: Agent) -> None:
    scene.operator.offer_configuration(agent, OTHER)


@given("the operator has offered the agent a configuration that it has heard of")
def _(scene: Scene, agent: Agent) -> None:
    scene.operator.offer_configuration(agent, FIRST)
    scene.hear(agent)


@given("the agent has been offered a configuration", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.offered.configuration(agent, FIRST)


@given("the agent has taken a configuration")
def _(scene: Scene, agent: Agent) -> None:
    scene.offered.take_configuration(agent, FIRST)


@when("the agent reports that it has applied the configuration", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_APPLIED))


@when("the agent reports that it has failed to apply the configuration", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    return scene.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_FAILED))


@when("the agent reports that it has applied another configuration", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    agent.remote_config_hash = b"the hash of another"
    return scene.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_APPLIED))


@when("the agent reports that it has no configuration", target_fixture="exchange")
def _(scene: Scene, agent: Agent) -> Exchange:
    agent.remote_config_hash = b""
    return scene.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_UNSET))


@then("the agent is offered a configuration")
def _(exchange: Exchange) -> None:
    expect_offers.configuration(exchange)


@then("the agent is offered the other configuration")
def _(exchange: Exchange) -> None:
    expect_offers.configuration_text(exchange, OTHER)


@then("no configuration is offered")
def _(exchange: Exchange) -> None:
    expect_offers.no_configuration(exchange)


@then("no configuration files are sent")
def _(exchange: Exchange) -> None:
    expect_offers.no_configuration_files(exchange)


@then("the configuration has a hash")
def _(exchange: Exchange) -> None:
    expect_offers.config_hash(exchange)


@then("no two configuration files have one name")
def _(exchange: Exchange) -> None:
    expect_offers.unique_file_names(exchange)


@then("the configuration file has the name that the operator gave it")
def _(exchange: Exchange) -> None:
    expect_offers.file_named(exchange)


@then("the configuration has one file")
def _(exchange: Exchange) -> None:
    expect_offers.one_file(exchange)


@then("the content type of the configuration file is a MIME type")
def _(exchange: Exchange) -> None:
    expect_offers.mime_type(exchange)


@then("the configuration has another hash than the one before")
def _(exchange: Exchange, agent: Agent) -> None:
    expect_offers.another_config_hash(exchange, agent.remote_config_hash)
