"""Steps about commands for an agent."""

from pytest_bdd import then, when

from opamp_conformance.actions.agent_side import commands as command_actions
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.assertions.agent_side import connection_settings as assert_settings
from opamp_conformance.assertions.agent_side import identification as assert_identification
from opamp_conformance.assertions.agent_side import remote_config as assert_config
from opamp_conformance.assertions.agent_side import status_reporting as assert_status


@when("the server tells the agent to restart")
def _(agent_session: AgentSession) -> None:
    command_actions.restart(agent_session)


@when("the agent has restarted")
def _(agent_session: AgentSession) -> None:
    command_actions.wait_for_restart(agent_session)


@when("the server sends the agent a command that no version defines")
def _(agent_session: AgentSession) -> None:
    command_actions.send_unknown(agent_session)


@when(
    "the server tells the agent to restart, with a configuration and a new instance_uid in the same message",
    target_fixture="new_uid",
)
def _(agent_session: AgentSession) -> bytes:
    return command_actions.restart_with_other_fields(agent_session)


@then("the agent restarts")
def _(agent_session: AgentSession) -> None:
    assert_status.is_report(command_actions.report_after_restart(agent_session))


@then("the agent restarts without that configuration and that instance_uid")
def _(agent_session: AgentSession, new_uid: bytes) -> None:
    report = command_actions.report_after_restart(agent_session)
    assert_identification.lacks_uid(report, new_uid)
    assert_config.lacks_hash(report, command_actions.IGNORED)


@then("the agent does not restart")
def _(agent_session: AgentSession) -> None:
    assert_settings.stays(agent_session.before_fence())
