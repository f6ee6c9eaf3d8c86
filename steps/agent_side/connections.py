"""Steps about the connections and heartbeats of an agent."""

from collections.abc import Sequence

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.agent_side import connections as connection_actions
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.assertions.agent_side import connections as assert_connections
from opamp_conformance.scripted_server.records import ConnectionEnded, MessageReceived, Opened


@when("the connection of the agent breaks")
def _(agent_session: AgentSession) -> None:
    agent_session.drop_connection()


@when("the server closes the connection", target_fixture="ended")
def _(agent_session: AgentSession) -> ConnectionEnded:
    return connection_actions.close(agent_session)


@when("the server answers the agent with bytes that are no ServerToAgent")
def _(agent_session: AgentSession) -> None:
    connection_actions.answer_with_garbage(agent_session)


@when(parsers.parse("the server offers a heartbeat interval of {seconds:d} second"))
def _(agent_session: AgentSession, seconds: int) -> None:
    connection_actions.offer_heartbeat(agent_session, seconds)


@when(parsers.parse("the agent sends a heartbeat every {seconds:d} second before its connection breaks"))
def _(agent_session: AgentSession, seconds: int) -> None:
    connection_actions.heartbeats(agent_session, seconds)
    agent_session.drop_connection()


@given(parsers.parse("the agent has accepted a heartbeat interval of {seconds:d} second"))
def _(agent_session: AgentSession, seconds: int) -> None:
    connection_actions.accept_heartbeat(agent_session, seconds)


@when(
    parsers.parse(
        "the server offers a heartbeat interval of {seconds:d} seconds, and asks for the full state now and then"
    ),
    target_fixture="waits",
)
def _(agent_session: AgentSession, seconds: int) -> Sequence[float]:
    connection_actions.accept_heartbeat(agent_session, seconds)
    return connection_actions.waits_for_heartbeats(agent_session, seconds)


@when("the server turns the heartbeats off")
def _(agent_session: AgentSession) -> None:
    connection_actions.offer_heartbeat(agent_session, 0)


@then("the agent's last message has agent_disconnect")
def _(agent_session: AgentSession) -> None:
    assert_connections.last_is_disconnect(agent_session.since(MessageReceived))


@then("the agent ends the connection with a Close frame")
def _(agent_session: AgentSession) -> None:
    assert_connections.has_close_frame(agent_session.expect(ConnectionEnded, "the end of the connection"))


@then("the agent answers with a Close frame")
def _(ended: ConnectionEnded) -> None:
    assert_connections.has_close_frame(ended)


@then("the agent connects again")
def _(agent_session: AgentSession) -> None:
    agent_session.expect(Opened, "a new connection", lambda opened: opened.status < 400)


@then("the agent sends a message without being asked")
def _(agent_session: AgentSession) -> None:
    agent_session.position = agent_session.server.records.position()
    agent_session.message("a poll, or a heartbeat")


@then(parsers.parse("the agent sends a heartbeat every {seconds:d} second"))
def _(agent_session: AgentSession, seconds: int) -> None:
    connection_actions.heartbeats(agent_session, seconds)


@then(parsers.parse("the agent's heartbeats come no sooner than {seconds:d} seconds after another message"))
def _(waits: Sequence[float], seconds: int) -> None:
    assert_connections.not_much_sooner(waits, seconds)


@then("the agent has one open connection")
def _(agent_session: AgentSession) -> None:
    assert_connections.is_only_one(agent_session.server.records.all())


@then("each heartbeat has the instance_uid of the agent")
def _(agent_session: AgentSession) -> None:
    assert_connections.have_uids(connection_actions.heartbeats(agent_session, 1))


@then("the agent sends no heartbeats")
def _(agent_session: AgentSession) -> None:
    messages = connection_actions.messages_during_silence(agent_session)
    assert_connections.no_heartbeat(messages, agent_session.earlier())
