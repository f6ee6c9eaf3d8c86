"""Steps about a server that asks an agent to wait."""

from collections.abc import Sequence

from pytest_bdd import parsers, then, when

from opamp_conformance.actions.agent_side import throttling as throttling_actions
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.assertions.agent_side import connections as assert_connections
from opamp_conformance.scripted_server.records import MessageReceived, Opened


@when(
    parsers.parse("the server answers the agent's full report with Unavailable and a wait of {seconds:d} seconds"),
    target_fixture="refused_at",
)
def _(agent_session: AgentSession, seconds: int) -> float:
    return throttling_actions.answer_report_with_unavailable(agent_session, seconds)


@when(
    parsers.parse("the server refuses the agent with {status:d} and a wait of {seconds:d} seconds"),
    target_fixture="refused_at",
)
def _(agent_session: AgentSession, status: int, seconds: int) -> float:
    return throttling_actions.refuse_with_wait(agent_session, status, seconds)


@when(
    parsers.parse("the server refuses the agent until {seconds:d} seconds later, as a date"),
    target_fixture="refused_at",
)
def _(agent_session: AgentSession, seconds: int) -> float:
    return throttling_actions.refuse_until_date(agent_session, seconds)


@when(parsers.parse("the server refuses the agent {times:d} times with 503"), target_fixture="attempts")
def _(agent_session: AgentSession, times: int) -> Sequence[Opened | MessageReceived]:
    return throttling_actions.refuse_without_wait(agent_session, times)


@then(parsers.parse("the agent sends no report before {seconds:d} seconds are over"))
def _(agent_session: AgentSession, refused_at: float, seconds: int) -> None:
    early = throttling_actions.reports_until(agent_session, refused_at + seconds)
    assert_connections.none_sooner_than(early, refused_at, seconds)


@then(parsers.parse("the agent does not try again before {seconds:d} seconds are over"))
def _(agent_session: AgentSession, refused_at: float, seconds: int) -> None:
    early = throttling_actions.attempts_until(agent_session, refused_at + seconds)
    assert_connections.none_sooner_than(early, refused_at, seconds)


@then("the agent's waits between its tries grow")
def _(attempts: Sequence[Opened | MessageReceived]) -> None:
    assert_connections.waits_grow(attempts)
