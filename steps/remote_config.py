"""Steps about remote configuration."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.context import ScenarioContext
from opamp_conformance.assertions import remote_config as assert_remote_config
from opamp_conformance.assertions.common import satisfies
from opamp_conformance.client.agent import EVERY_CAPABILITY, Agent, capability, other_hash
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import opamp_pb2 as pb

FIRST, OTHER = "receivers: {}", "receivers: {otlp: {}}"


@given("a server that offers remote configuration")
def _(context: ScenarioContext) -> None:
    context.offers.require("OffersRemoteConfig")


@given("the operator has offered the agent a configuration")
@when("the operator offers the agent a configuration")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.offer_configuration(agent, FIRST)


@when(parsers.parse('the operator offers the agent the configuration files "{first}" and "{second}"'))
def _(context: ScenarioContext, agent: Agent, first: str, second: str) -> None:
    context.offers.offer_files(agent, first, second)


@when(parsers.parse('the operator offers the agent a file without a name and the file "{name}"'))
def _(context: ScenarioContext, agent: Agent, name: str) -> None:
    context.offers.offer_files(agent, "", name)


@when(parsers.parse('the operator offers the agent the file "{name}" with the role "{role}"'))
def _(context: ScenarioContext, agent: Agent, name: str, role: str) -> None:
    context.offers.offer_file_with_role(agent, name, role)


@given(parsers.parse('the operator has offered the agent the file "{name}" of the type "{content_type}"'))
def _(context: ScenarioContext, agent: Agent, name: str, content_type: str) -> None:
    context.offers.apply_file(agent, name, content_type)


@when(parsers.parse('the operator offers the agent the file "{name}" of the type "{content_type}"'))
def _(context: ScenarioContext, agent: Agent, name: str, content_type: str) -> None:
    context.offers.offer_file(agent, name, content_type)


@when(parsers.parse("the operator offers the agent a configuration of {size:d} bytes"))
def _(context: ScenarioContext, agent: Agent, size: int) -> None:
    context.offers.offer_configuration(agent, "#" * size)


@when("the operator offers the agent another configuration")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.offer_configuration(agent, OTHER)


@given("the agent has received the operator's configuration")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.offer_configuration(agent, FIRST)
    context.client.receive_next(agent.check_in, agent.instance_uid)


@given("the agent has received a configuration", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.offers.receive_configuration(agent, FIRST)


@given("the agent has applied a configuration")
def _(context: ScenarioContext, agent: Agent) -> None:
    context.offers.apply_configuration(agent, FIRST)


@when("the agent reports that it has applied the configuration", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_APPLIED))


@when("the agent reports that it has failed to apply the configuration", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    return context.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_FAILED))


@when("the agent reports that it has applied another configuration", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.remote_config_hash = other_hash(agent.remote_config_hash)
    return context.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_APPLIED))


@when("the agent reports a configuration whose hash begins with the right one", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.remote_config_hash += b"x"
    return context.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_APPLIED))


@when("the agent reports with every capability that it has applied another configuration", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.capabilities = EVERY_CAPABILITY
    agent.remote_config_hash = other_hash(agent.remote_config_hash)
    return context.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_APPLIED))


@when("the agent reports that it is applying another configuration", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.remote_config_hash = other_hash(agent.remote_config_hash)
    return context.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_APPLYING))


@when("the agent reports that it has failed to apply another configuration", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.remote_config_hash = other_hash(agent.remote_config_hash)
    return context.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_FAILED))


@when(
    "the agent withdraws AcceptsRemoteConfig and reports that it has failed to apply another configuration",
    target_fixture="exchange",
)
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.capabilities &= ~capability("AcceptsRemoteConfig")
    agent.remote_config_hash = other_hash(agent.remote_config_hash)
    return context.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_FAILED))


@when("the agent reports that it has no configuration", target_fixture="exchange")
def _(context: ScenarioContext, agent: Agent) -> Exchange:
    agent.remote_config_hash = b""
    return context.client.send(agent.remote_config_status(pb.RemoteConfigStatuses_UNSET))


@then("the agent is offered a configuration")
def _(exchange: Exchange) -> None:
    assert_remote_config.offered(exchange)


@then("no configuration is offered")
def _(exchange: Exchange) -> None:
    assert_remote_config.none_offered(exchange)


@then("no configuration files are sent")
def _(exchange: Exchange) -> None:
    assert_remote_config.no_files(exchange)


@then("the configuration has a hash")
def _(exchange: Exchange) -> None:
    satisfies("remote-config.config-hash-set", exchange)


@then("no two configuration files have the same name")
def _(exchange: Exchange) -> None:
    assert_remote_config.unique_file_names(exchange)


@then("the configuration file has the name that the operator gave it")
def _(exchange: Exchange) -> None:
    assert_remote_config.file_named(exchange)


@then(parsers.parse('the agent is offered the configuration files "{first}" and "{second}"'))
def _(exchange: Exchange, first: str, second: str) -> None:
    assert_remote_config.files_named(exchange, first, second)


@then(parsers.parse('the agent is offered a file without a name and the file "{name}"'))
def _(exchange: Exchange, name: str) -> None:
    assert_remote_config.files_named(exchange, "", name)


@then(parsers.parse('the file "{name}" has the role "{role}"'))
def _(exchange: Exchange, name: str, role: str) -> None:
    assert_remote_config.file_has_role(exchange, name, role)


@then("the configuration has one file")
def _(exchange: Exchange) -> None:
    assert_remote_config.one_file(exchange)


@then("the content type of the configuration file is a MIME type")
def _(exchange: Exchange) -> None:
    satisfies("config-files.content-type-mime", exchange)


@then("the configuration has another hash than before")
def _(exchange: Exchange, agent: Agent) -> None:
    assert_remote_config.another_config_hash(exchange, agent.remote_config_hash)
