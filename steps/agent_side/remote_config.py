"""Steps about the remote configuration of an agent."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.agent_side import remote_config as config_actions
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.assertions.agent_side import identification as assert_identification
from opamp_conformance.assertions.agent_side import remote_config as assert_config
from opamp_proto import opamp_pb2 as pb

FIRST, OTHER = "receivers: {}\n", "exporters: {}\n"


@given("the server has offered the agent a configuration", target_fixture="configuration")
def _(agent_session: AgentSession) -> pb.AgentRemoteConfig:
    offer = config_actions.configuration(FIRST)
    config_actions.apply(agent_session, offer)
    return offer


@given("the agent uses a configuration that the server has offered")
def _(agent_session: AgentSession) -> None:
    config_actions.let_use(agent_session, config_actions.configuration(FIRST))


@given("the driver lets the next configuration fail")
def _(agent_session: AgentSession) -> None:
    agent_session.tell("fail-next-config", error="a test of the agent")


@when("the server offers the agent a configuration", target_fixture="configuration")
def _(agent_session: AgentSession) -> pb.AgentRemoteConfig:
    offer = config_actions.configuration(FIRST)
    config_actions.offer(agent_session, offer)
    return offer


@when("the server offers the agent another configuration", target_fixture="configuration")
def _(agent_session: AgentSession) -> pb.AgentRemoteConfig:
    offer = config_actions.configuration(OTHER)
    config_actions.offer(agent_session, offer)
    return offer


@when(
    "the server offers the agent another configuration, and asks for its full state at once",
    target_fixture="configuration",
)
def _(agent_session: AgentSession) -> pb.AgentRemoteConfig:
    offer = config_actions.configuration(OTHER)
    config_actions.offer_with_flag(agent_session, offer)
    return offer


@when(parsers.parse("the server offers the agent another configuration beside {part}"), target_fixture="configuration")
def _(agent_session: AgentSession, part: str) -> pb.AgentRemoteConfig:
    offer = config_actions.configuration(OTHER)
    config_actions.offer_beside(agent_session, offer, part)
    return offer


@when("the server offers the agent the same configuration under another hash", target_fixture="configuration")
def _(agent_session: AgentSession, configuration: pb.AgentRemoteConfig) -> pb.AgentRemoteConfig:
    offer = config_actions.under_another_hash(configuration)
    config_actions.offer(agent_session, offer)
    return offer


@when("the server offers the agent two configurations, one right after the other", target_fixture="configuration")
def _(agent_session: AgentSession) -> pb.AgentRemoteConfig:
    config_actions.offer(agent_session, config_actions.configuration(FIRST))
    offer = config_actions.configuration(OTHER)
    config_actions.offer(agent_session, offer)
    return offer


@when("the server offers the agent the same configuration again")
def _(agent_session: AgentSession, configuration: pb.AgentRemoteConfig) -> None:
    config_actions.offer(agent_session, configuration)


@when("the server offers the agent another configuration and a new instance_uid at once", target_fixture="new_uid")
def _(agent_session: AgentSession) -> bytes:
    return agent_session.give_new_uid(remote_config=config_actions.configuration(OTHER))


@then("the agent reports the outcome with the hash of the configuration")
def _(agent_session: AgentSession, configuration: pb.AgentRemoteConfig) -> None:
    config_actions.outcome(agent_session, configuration)


@then("the agent's next full report after the outcome has the hash of the configuration")
def _(agent_session: AgentSession, configuration: pb.AgentRemoteConfig) -> None:
    config_actions.wait_for_outcome(agent_session, configuration)
    assert_config.tells_hash(agent_session.fence(), configuration)


@then("the agent's next full report has the hash of the configuration")
def _(agent_session: AgentSession, configuration: pb.AgentRemoteConfig) -> None:
    assert_config.tells_hash(agent_session.fence(), configuration)


@then("the agent applies the configuration, and adopts the new instance_uid")
def _(agent_session: AgentSession, new_uid: bytes) -> None:
    configuration = config_actions.configuration(OTHER)
    config_actions.wait_for_outcome(agent_session, configuration)
    report = agent_session.fence()
    assert_identification.has_uid(report, new_uid)
    assert_config.tells_hash(report, configuration)


@then("the agent's full report says that it uses the other configuration")
def _(agent_session: AgentSession, configuration: pb.AgentRemoteConfig) -> None:
    config_actions.require_applied(agent_session, configuration)
    agent_session.fence()
    config_actions.reported_use(agent_session, configuration)


@then("the agent reports that it uses the other configuration")
def _(agent_session: AgentSession, configuration: pb.AgentRemoteConfig) -> None:
    config_actions.require_applied(agent_session, configuration)
    config_actions.reported_use(agent_session, configuration)


@then("the agent has not taken the configuration")
def _(agent_session: AgentSession) -> None:
    assert_config.has_no_status(agent_session.fence())


@then("the agent reports that the configuration has failed")
def _(agent_session: AgentSession, configuration: pb.AgentRemoteConfig) -> None:
    assert_config.has_failed(config_actions.outcome(agent_session, configuration))
