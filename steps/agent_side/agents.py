"""Steps that every chapter uses: the agent starts, stops and starts again, and reports when it is asked."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_proto import opamp_pb2 as pb


@given("an agent that has reported")
def _(agent_session: AgentSession) -> None:
    agent_session.start()


@given(parsers.parse("an agent with the capability {capability}"))
def _(agent_session: AgentSession, capability: str) -> None:
    agent_session.start()
    agent_session.require(capability)


@given(parsers.parse("an agent without the capability {capability}"))
def _(agent_session: AgentSession, capability: str) -> None:
    agent_session.start()
    agent_session.require_without(capability)


@given(parsers.parse("the agent has the capability {capability}"))
def _(agent_session: AgentSession, capability: str) -> None:
    agent_session.require(capability)


@when("the agent is restarted")
def _(agent_session: AgentSession) -> None:
    agent_session.restart()


@when("the agent is asked to stop")
def _(agent_session: AgentSession) -> None:
    agent_session.stop()


@when("the server asks for the agent's full state", target_fixture="report")
def _(agent_session: AgentSession) -> pb.AgentToServer:
    return agent_session.fence()


@then("the agent still reports its full state")
def _(agent_session: AgentSession) -> None:
    agent_session.full_report()
