"""Steps about the instance_uid of an agent."""

from pytest_bdd import given, then, when

from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.assertions.agent_side import identification as assert_identification
from opamp_proto import opamp_pb2 as pb

NO_UUID = b"not a UUID at \xff\x00"
SHORT_UID = bytes(range(1, 16))


@given("an agent that asks the server for an instance_uid")
def _(agent_session: AgentSession) -> None:
    agent_session.start_asking_for_uid()


@when("the server gives the agent a new instance_uid", target_fixture="new_uid")
def _(agent_session: AgentSession) -> bytes:
    return agent_session.give_new_uid()


@when("the server gives the agent a new instance_uid, and asks for its full state at once", target_fixture="new_uid")
def _(agent_session: AgentSession) -> bytes:
    return agent_session.give_new_uid(flags=int(pb.ServerToAgentFlags_ReportFullState))


@when("the server gives the agent an instance_uid that is no UUID", target_fixture="new_uid")
def _(agent_session: AgentSession) -> bytes:
    return agent_session.give_uid(NO_UUID)


@when("the server gives the agent an instance_uid of 15 bytes")
def _(agent_session: AgentSession) -> None:
    agent_session.give_uid(SHORT_UID)


@then("the agent's next full report has an instance_uid of 16 bytes")
def _(agent_session: AgentSession) -> None:
    assert_identification.has_uid_of_16_bytes(agent_session.fence())


@then("the agent's next full report does not ask for an instance_uid")
def _(agent_session: AgentSession) -> None:
    assert_identification.does_not_ask_for_uid(agent_session.fence())


@when("another agent is started", target_fixture="other_report")
def _(agent_session: AgentSession) -> pb.AgentToServer:
    with agent_session.another() as other:
        other.start()
        return other.first


@then("the agent's next full report has the new instance_uid")
def _(agent_session: AgentSession, new_uid: bytes) -> None:
    assert_identification.has_uid(agent_session.fence(), new_uid)


@then("the agent's report has the new instance_uid")
def _(agent_session: AgentSession, new_uid: bytes) -> None:
    record = agent_session.message("a full report", lambda message: message.HasField("agent_description"))
    assert record.message is not None
    assert_identification.has_uid(record.message, new_uid)


@then("the agent's first message has the new instance_uid")
def _(agent_session: AgentSession, new_uid: bytes) -> None:
    assert_identification.has_uid(agent_session.first, new_uid)


@then("the agent's next message has the new instance_uid")
def _(agent_session: AgentSession, new_uid: bytes) -> None:
    record = agent_session.message("a message after the lost connection")
    assert record.message is not None
    assert_identification.has_uid(record.message, new_uid)


@then("the agent's next message has the same instance_uid")
def _(agent_session: AgentSession) -> None:
    record = agent_session.message("a message after the lost connection")
    assert record.message is not None
    assert_identification.has_uid(record.message, agent_session.first.instance_uid)


@then("the agents have different instance_uids")
def _(agent_session: AgentSession, other_report: pb.AgentToServer) -> None:
    assert_identification.differ(agent_session.first, other_report)


@then("the agent has an instance_uid of its own")
def _(agent_session: AgentSession) -> None:
    assert_identification.has_own_uid(agent_session.first)


@then("the agent's instance_uid is a UUID version 7")
def _(agent_session: AgentSession) -> None:
    assert_identification.is_uuid_7(agent_session.first)


@then("the agent's first message has the flag RequestInstanceUid")
def _(agent_session: AgentSession) -> None:
    assert_identification.asks_for_uid(agent_session.first)


@then("the agent's first message has a temporary instance_uid")
def _(agent_session: AgentSession) -> None:
    assert_identification.has_uid_of_16_bytes(agent_session.first)
