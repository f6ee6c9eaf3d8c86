"""Steps about the components of an agent."""

from pytest_bdd import then, when

from opamp_conformance.actions.agent_side import available_components as component_actions
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.assertions.agent_side import available_components as assert_components
from opamp_proto import opamp_pb2 as pb


@when("the server asks for the agent's components", target_fixture="components")
def _(agent_session: AgentSession) -> pb.AvailableComponents:
    return component_actions.ask(agent_session)


@when("the server asks for the agent's components, and for its full state as well", target_fixture="components")
def _(agent_session: AgentSession) -> pb.AvailableComponents:
    return component_actions.ask(agent_session, flags=int(pb.ServerToAgentFlags_ReportFullState))


@then("the agent's first message has the hash of its components")
def _(agent_session: AgentSession) -> None:
    assert_components.has_hash(agent_session.first.available_components)


@then("the agent's first message has no map of components")
def _(agent_session: AgentSession) -> None:
    assert_components.has_no_map(agent_session.first.available_components)


@then("the agent answers with the map of its components")
def _(components: pb.AvailableComponents) -> None:
    assert_components.has_map(components)


@then("the map has the hash of the agent's first message")
def _(agent_session: AgentSession, components: pb.AvailableComponents) -> None:
    component_actions.require_first_hash(agent_session)
    assert_components.same_hash(agent_session.first.available_components, components)


@then("both agents have the same hash of their components")
def _(agent_session: AgentSession, other_report: pb.AgentToServer) -> None:
    assert_components.same_hash(agent_session.first.available_components, other_report.available_components)
