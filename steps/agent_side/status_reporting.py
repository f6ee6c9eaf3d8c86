"""Steps about the status reports of an agent."""

from pytest_bdd import given, parsers, then, when

from opamp_conformance.actions.agent_side import status_reporting as status_actions
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.assertions.agent_side import status_reporting as assert_status
from opamp_conformance.scripted_server.records import MessageReceived
from opamp_conformance.scripted_server.replies import Reply
from opamp_proto import opamp_pb2 as pb


@given("an agent whose driver can change its health")
def _(agent_session: AgentSession) -> None:
    agent_session.require_verbs("health")
    agent_session.require("ReportsHealth")


@given("an agent whose driver can change its description")
def _(agent_session: AgentSession) -> None:
    agent_session.require_verbs("describe")


@given("the agent has reported its effective config")
def _(agent_session: AgentSession) -> None:
    status_actions.require_effective_config(agent_session)


@when("the server asks for the agent's full state 20 times")
def _(agent_session: AgentSession) -> None:
    status_actions.ask_for_full_state(agent_session, 20)


@given("an agent that has announced a custom capability")
def _(agent_session: AgentSession) -> None:
    agent_session.start()
    status_actions.own_custom_capability(agent_session)


@when("the server announces that capability, and sends a custom message of it")
def _(agent_session: AgentSession) -> None:
    status_actions.send_own_custom_message(agent_session)


@when("the server asks for the agent's full state and its components at once", target_fixture="report")
def _(agent_session: AgentSession) -> pb.AgentToServer:
    return status_actions.ask_with_flag_for_components(agent_session)


@when("the server is not available for a while")
def _(agent_session: AgentSession) -> None:
    status_actions.become_unavailable(agent_session)


@when("the agent becomes unhealthy")
def _(agent_session: AgentSession) -> None:
    status_actions.become_unhealthy(agent_session)


@when("the agent becomes unhealthy for another reason")
def _(agent_session: AgentSession) -> None:
    status_actions.become_unhealthy_otherwise(agent_session)


@when("the attribute of the agent changes")
def _(agent_session: AgentSession) -> None:
    status_actions.change_attribute(agent_session)


@then("the agent reports the other error")
def _(agent_session: AgentSession) -> None:
    status_actions.reported_error(agent_session)


@then("the agent reports the changed attribute")
def _(agent_session: AgentSession) -> None:
    status_actions.reported_attribute(agent_session)


@when("the agent becomes healthy")
def _(agent_session: AgentSession) -> None:
    status_actions.become_healthy(agent_session)


@when("the agent gets another attribute")
def _(agent_session: AgentSession) -> None:
    status_actions.change_description(agent_session)


@when("the server sends the agent a message that asks for nothing")
def _(agent_session: AgentSession) -> None:
    agent_session.give(Reply(pb.ServerToAgent()))


@when("the server sends the agent a custom message")
def _(agent_session: AgentSession) -> None:
    status_actions.send_custom_message(agent_session)


@when("the server asks for the agent's full state, with a field that no version defines", target_fixture="report")
def _(agent_session: AgentSession) -> pb.AgentToServer:
    return status_actions.ask_with_unknown_field(agent_session)


@when("the server asks for the agent's full state, with undefined flags and capabilities", target_fixture="report")
def _(agent_session: AgentSession) -> pb.AgentToServer:
    return status_actions.ask_with_undefined_bits(agent_session)


@when("the server announces that it only accepts status")
def _(agent_session: AgentSession) -> None:
    status_actions.announce_only_status(agent_session)


@when("the server sends the agent a message without capabilities")
def _(agent_session: AgentSession) -> None:
    status_actions.send_without_capabilities(agent_session)


@when("the server answers the agent's full report with an Unknown error")
def _(agent_session: AgentSession) -> None:
    status_actions.answer_report_with_error(agent_session, pb.ServerErrorResponseType_Unknown)


@then("the agent's first message is a full report")
def _(agent_session: AgentSession) -> None:
    assert_status.is_report(agent_session.first)


@then("the report has each part of the agent's first report")
def _(agent_session: AgentSession, report: pb.AgentToServer) -> None:
    assert_status.has_parts_of(report, agent_session.first)


@then("the report has each attribute of the agent's first report")
def _(agent_session: AgentSession, report: pb.AgentToServer) -> None:
    assert_status.describes_as_before(report, agent_session.first)


@then("the agent answers with a full report")
def _(report: pb.AgentToServer) -> None:
    assert_status.is_report(report)


@then(parsers.parse("the report has the agent's {part}"))
def _(report: pb.AgentToServer, part: str) -> None:
    assert_status.has_part(report, part.replace(" ", "_"))


@then(parsers.parse("the agent's next full report has no {part}"))
def _(agent_session: AgentSession, part: str) -> None:
    assert_status.lacks_part(agent_session.fence(), part.replace(" ", "_"))


@then(parsers.parse("the agent's next full report still has its {part}"))
def _(agent_session: AgentSession, part: str) -> None:
    assert_status.has_part(agent_session.fence(), part.replace(" ", "_"))


@then("the agent reports nothing until it is asked")
def _(agent_session: AgentSession) -> None:
    messages = agent_session.before_fence()
    assert_status.no_repetition(messages, agent_session.earlier(), agent_session.habits())


@then("the agent does not send that report again")
def _(agent_session: AgentSession) -> None:
    assert_status.not_again(agent_session.before_fence(), agent_session.habits())


@then("the start time in the health is in nanoseconds")
def _(report: pb.AgentToServer) -> None:
    assert_status.times_are_nanoseconds(report, "start_time_unix_nano")


@then("the start time in the health is that of the first report")
def _(agent_session: AgentSession, report: pb.AgentToServer) -> None:
    assert_status.has_same_start(report, agent_session.first)


@then("the status time in the health is in nanoseconds")
def _(report: pb.AgentToServer) -> None:
    assert_status.times_are_nanoseconds(report, "status_time_unix_nano")


@then("the agent reports that it is not healthy")
def _(agent_session: AgentSession) -> None:
    status_actions.reported_health(agent_session, healthy=False)


@then("the agent reports that it is not healthy when the server is available again")
def _(agent_session: AgentSession) -> None:
    status_actions.reported_health_after_return(agent_session)


@then("the agent's next message has no lower sequence number than the one before")
def _(agent_session: AgentSession) -> None:
    record = agent_session.message("a message after the lost connection")
    assert record.message is not None
    assert_status.number_goes_on(record.message, agent_session.earlier())


@then("each message of the agent has a higher sequence number than the one before")
def _(agent_session: AgentSession) -> None:
    assert_status.numbers_rise(agent_session.server.records.of(MessageReceived))


@then("the agent reports that it is healthy")
def _(agent_session: AgentSession) -> None:
    status_actions.reported_health(agent_session, healthy=True)


@then("the agent reports an error beside its health")
def _(agent_session: AgentSession) -> None:
    assert_status.says_error(status_actions.reported_health(agent_session, healthy=False))


@then("the agent reports its whole health")
def _(agent_session: AgentSession) -> None:
    assert_status.tells_all_of_health(status_actions.reported_health(agent_session, healthy=False), agent_session.first)


@then("the agent reports its whole description")
def _(agent_session: AgentSession) -> None:
    assert_status.describes_all_of(status_actions.reported_description(agent_session), agent_session.first)
