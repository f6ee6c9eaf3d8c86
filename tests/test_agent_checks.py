"""The checks of agents: each of them finds an agent that breaks one thing, and nothing else; a right agent has no finding."""

import re
from collections.abc import Callable

import pytest

from opamp_agent_checks import REQUIREMENTS, HttpRequestFacts, Received, Severity
from opamp_agent_checks.requirements import link_of
from opamp_conformance.client.agent import Agent
from opamp_conformance.ledger.ledger import Subject, load_ledger
from opamp_proto import CONTENT_TYPE, uuid_text
from opamp_proto import opamp_pb2 as pb
from support.agent_script import CONFIG, WEBSOCKET, Script, begin, unavailable
from support.deviant_agents import DEVIANT
from support.deviant_behaviour import heartbeats, refused_again_and_again
from support.deviant_messages import never_moves
from support.peers import ROOT

# ---- right agents


@pytest.mark.parametrize("http", [False, True])
def test_a_right_agent_has_no_finding(http: bool) -> None:
    script = begin(http=http)
    for _ in range(3):
        script.say(script.agent.check_in())
    full_state = pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState))
    script.say(script.agent.check_in(), full_state)
    script.say(script.agent.full_status())
    offer = pb.ServerToAgent(instance_uid=script.agent.instance_uid)
    offer.remote_config.config_hash = CONFIG
    script.say(script.agent.check_in(), offer)
    script.agent.remote_config_hash = CONFIG
    script.say(script.agent.remote_config_status(pb.RemoteConfigStatuses_APPLIED))
    new = pb.ServerToAgent(instance_uid=script.agent.instance_uid)
    new.agent_identification.new_instance_uid = bytes(range(16))
    script.say(script.agent.check_in(), new)
    script.agent.instance_uid = bytes(range(16))
    script.say(script.agent.check_in())
    script.say(script.agent.check_in(), unavailable(5))
    script.say(script.agent.check_in(), after=5.1)
    script.say(script.agent.disconnect())
    script.close()
    assert script.found == {}
    assert script.judge.agents == 2


def test_an_agent_that_comes_back_has_no_finding() -> None:
    script = begin()
    script.say(script.agent.disconnect())
    script.close()
    script.say(script.agent.check_in(), connection=2)
    assert script.found == {}


def test_an_agent_ignores_the_other_fields_beside_a_command() -> None:
    script = begin()
    restart = pb.ServerToAgent(command=pb.ServerToAgentCommand(type=pb.CommandType_Restart))
    restart.agent_identification.new_instance_uid = bytes(range(16))
    script.say(script.agent.check_in(), restart)
    script.say(script.agent.check_in())
    assert script.found == {}


def test_an_agent_that_repeats_its_report_anyway_does_not_try_again() -> None:
    script = begin()
    refused = pb.ServerToAgent(instance_uid=script.agent.instance_uid)
    refused.error_response.type = pb.ServerErrorResponseType_BadRequest
    script.say(script.agent.full_status())
    script.say(script.agent.full_status(), refused)
    script.say(script.agent.full_status())
    assert "bad-request.no-retry" not in script.found


def test_a_report_that_was_refused_may_be_asked_for() -> None:
    script = begin()
    refused = pb.ServerToAgent(instance_uid=script.agent.instance_uid)
    refused.error_response.type = pb.ServerErrorResponseType_BadRequest
    script.say(script.agent.full_status(), refused)
    script.push(pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState)))
    script.say(script.agent.full_status())
    assert "bad-request.no-retry" not in script.found


def test_a_full_report_leaves_out_what_the_server_does_not_accept() -> None:
    script = Script()
    message = script.agent.full_status()
    message.capabilities |= int(pb.AgentCapabilities_ReportsEffectiveConfig)
    message.effective_config.config_map.config_map[""].body = b"x"
    script.say(message)
    ask = pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState))
    ask.capabilities = int(pb.ServerCapabilities_AcceptsStatus)
    script.say(script.agent.check_in(), ask)
    script.say(script.agent.full_status())
    assert script.found == {}


def test_a_full_report_leaves_out_packages_that_the_server_does_not_accept() -> None:
    script = begin(http=True)
    message = script.agent.check_in()
    message.package_statuses.packages["p"].name = "p"
    script.say(message)
    ask = pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState))
    ask.capabilities = int(pb.ServerCapabilities_AcceptsStatus)
    script.say(script.agent.check_in(), ask)
    script.say(script.agent.full_status())
    assert script.found == {}


def test_messages_to_an_offered_endpoint_that_does_not_work_leave_no_gap() -> None:
    script = begin(http=True)
    offer = pb.ServerToAgent(instance_uid=script.agent.instance_uid)
    offer.connection_settings.hash = b"h"
    offer.connection_settings.opamp.destination_endpoint = "http://127.0.0.1/v1/opamp"
    script.say(script.agent.check_in(), offer)
    script.agent.full_status()
    script.say(script.agent.full_status())
    assert script.found == {}
    message = script.agent.check_in()
    message.sequence_num += 1
    script.say(message)
    assert "sequence.increment" in script.found


def test_an_agent_may_begin_anew_over_offered_settings() -> None:
    script = begin(http=True)
    offer = pb.ServerToAgent(instance_uid=script.agent.instance_uid)
    offer.connection_settings.hash = b"h"
    offer.connection_settings.opamp.destination_endpoint = "http://127.0.0.1/v1/opamp"
    script.say(script.agent.check_in(), offer)
    script.say(script.agent.full_status())
    script.say(script.agent.full_status())
    assert script.found == {}
    script.say(script.agent.full_status())
    assert "compression.unset.agent-description" in script.found


def test_the_report_of_a_change_may_come_right_before_the_full_report() -> None:
    script = begin()
    script.push(pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState)))
    changed = script.agent.full_status()
    script.say(changed, after=0.1)
    script.say(script.agent.full_status(), after=0.01)
    assert script.found == {}


def test_a_flag_that_is_sent_before_the_first_message_may_be_answered_after_it() -> None:
    script = Script()
    script.push(pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState)))
    script.say(script.agent.full_status(), after=0.6)
    script.say(script.agent.full_status(), after=0.1)
    assert script.found == {}


def test_what_is_under_way_is_no_breach() -> None:
    """Over WebSocket, an agent may have sent a message before it reads the server's."""
    script = begin()
    new = pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState))
    new.agent_identification.new_instance_uid = bytes(range(16))
    script.push(new)
    script.say(script.agent.check_in(), after=0.1)
    script.agent.instance_uid = bytes(range(16))
    script.say(script.agent.full_status())
    assert script.found == {}


@pytest.mark.parametrize("http", [False, True])
def test_an_instance_uid_may_be_used_by_another_agent_or_given_again(http: bool) -> None:
    script = begin(http=http)
    old, given = script.agent.instance_uid, bytes(range(16))
    other = Agent("clone", old)
    for uid in (given, old):
        new = pb.ServerToAgent()
        new.agent_identification.new_instance_uid = uid
        script.say(script.agent.check_in(), new)
        script.agent.instance_uid = uid
        script.say(script.agent.check_in())
        if uid == given and http:
            message = other.full_status()
            message.sequence_num = 40
            script.say(message)
            assert set(script.found) <= {"sequence.increment"}
    assert "identification.new-instance-uid.adopt" not in script.found


def test_the_end_of_a_connection_may_be_noticed_after_the_next_one_has_begun() -> None:
    script = begin()
    script.say(script.agent.check_in(), connection=2)
    script.close()
    script.say(script.agent.check_in(), connection=2)
    assert "duplicate.one-connection" not in script.found


def test_a_restarted_server_does_not_make_a_first_message() -> None:
    script = Script()
    for _ in range(7):
        script.agent.check_in()
    script.say(script.agent.check_in())
    assert script.found == {}


@pytest.mark.parametrize(
    ("leaves", "closes", "full", "number"),
    [
        pytest.param(True, True, False, 4, id="it goes on"),
        pytest.param(False, False, False, 2, id="the answer was lost, so it sends the number again"),
        pytest.param(False, False, False, 9, id="messages were lost with the connection"),
        pytest.param(False, False, True, 0, id="it was started again"),
        pytest.param(True, True, True, 50, id="it has left, and begins with any number"),
    ],
)
def test_what_the_first_number_on_a_new_connection_may_be(leaves: bool, closes: bool, full: bool, number: int) -> None:
    script = begin()
    script.say(script.agent.check_in())
    if leaves:
        script.say(script.agent.disconnect())
    script.close(by_agent=closes, has_close_frame=closes)
    message = script.agent.full_status() if full else script.agent.check_in()
    message.sequence_num = number
    script.say(message, connection=2)
    assert script.found == {}


def test_another_agent_with_the_same_instance_uid_has_its_own_numbers() -> None:
    script = begin()
    for _ in range(3):
        script.say(script.agent.check_in())
    clone = Agent("clone", script.agent.instance_uid)
    script.say(clone.full_status(), connection=2, after=0.1)
    script.say(clone.check_in(), connection=2, after=0.1)
    assert script.found == {}


def test_requests_that_were_refused_unread_leave_no_gap() -> None:
    script = begin(http=True)
    facts = HttpRequestFacts("POST", CONTENT_TYPE, uuid_text(script.agent.instance_uid))
    script.agent.check_in()
    script.now += 10
    script.judge.refused(Received(script.now, 1, b"", None, facts), 30.0)
    script.say(script.agent.check_in(), after=31)
    assert script.found == {}


def test_an_agent_may_leave_while_it_waits_and_come_back_after_it() -> None:
    """It should disconnect, wait, and connect again (Throttling)."""
    script = begin()
    script.say(script.agent.check_in(), unavailable(30))
    script.say(script.agent.disconnect(), after=1)
    script.close()
    script.say(script.agent.check_in(), connection=2, after=30)
    assert script.found == {}


def test_what_an_error_answered_is_no_repetition() -> None:
    script = Script()
    script.say(script.agent.full_status(), unavailable(5))
    script.say(script.agent.full_status())
    assert script.found == {}


def test_a_request_whose_connection_has_ended_is_not_in_flight() -> None:
    script = begin(http=True)
    message = script.agent.check_in()
    facts = HttpRequestFacts("POST", CONTENT_TYPE, uuid_text(message.instance_uid))
    script.judge.received(Received(script.now + 9, 1, b"", message, facts, is_awaited=lambda: False))
    script.say(message, after=9.5)
    assert script.found == {}


@pytest.mark.parametrize("flag", [pb.AgentToServerFlags_RequestInstanceUid, pb.AgentToServerFlags_Unspecified])
def test_a_message_may_be_sent_again_when_its_answer_was_lost(flag: pb.AgentToServerFlags) -> None:
    script = begin(http=True)
    answer = pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState))
    if flag:
        answer.agent_identification.new_instance_uid = bytes(range(16))
    message = script.agent.check_in()
    message.flags |= int(flag)
    script.say(message, answer)
    script.say(message, answer)
    assert script.found == {}


def test_frequent_heartbeats_are_no_loop() -> None:
    script = begin()
    for _ in range(20):
        script.say(script.agent.check_in(), after=0.5)
    assert script.found == {}


@pytest.mark.parametrize("unread", [False, True])
@pytest.mark.parametrize(
    "seconds", [lambda number: 0.01 * 2**number, lambda number: min(30.0, 0.05 * 1.5**number), lambda number: 5.0]
)
def test_waits_that_grow_or_are_long_are_no_storm(seconds: Callable[[int], float], unread: bool) -> None:
    assert refused_again_and_again(seconds, unread=unread)().found == {}


@pytest.mark.parametrize("http", [False, True])
@pytest.mark.parametrize("seconds", [20, 30, 300])
def test_heartbeats_may_come_a_little_early(seconds: float, http: bool) -> None:
    assert heartbeats(seconds, http=http)().found == {}


def test_heartbeats_that_a_busy_server_reads_at_once_are_not_early() -> None:
    script = heartbeats(30, http=False)()
    script.now += 20 * 30
    for _ in range(20):
        script.say(script.agent.check_in(), after=0.2)
    assert script.found == {}


def test_a_status_under_way_needs_no_hash_of_an_offer() -> None:
    script = begin()
    offer = pb.ServerToAgent(instance_uid=script.agent.instance_uid)
    offer.remote_config.config_hash = CONFIG
    offer.connection_settings.hash = b"settings"
    script.push(offer)
    message = script.agent.check_in()
    message.remote_config_status.status = pb.RemoteConfigStatuses_UNSET
    message.connection_settings_status.status = pb.ConnectionSettingsStatuses_UNSET
    script.say(message, after=0.1)
    assert script.found == {}


def test_a_long_instance_uid_is_not_kept_whole() -> None:
    script = Script()
    message = script.agent.full_status()
    for number in range(2):
        message.instance_uid = b"%d" % number + b"u" * 1_000_000
        message.custom_message.capability = "c" * 1_000_000
        script.say(message)
    assert script.judge.agents == 2
    for finding in script.judge.findings:
        assert len(finding.instance_uid) == 32
        assert len(str(finding)) < 1000


def test_provoked_findings_say_so() -> None:
    script = begin()
    script.judge.provoked_by = "a.deviation"
    message = script.agent.check_in()
    message.sequence_num += 5
    script.say(message)
    [finding] = script.judge.findings
    assert finding.provoked_by == "a.deviation"
    assert "provoked by a.deviation" in str(finding)


def test_findings_stay_provoked_after_the_deviation_until_the_agent_is_started_again() -> None:
    script, other = begin(), Agent("other")
    script.say(other.full_status(), connection=2)
    script.judge.provoked_by = "a.deviation, another"
    script.say(script.agent.check_in())
    script.judge.provoked_by = ""
    script.judge.provoked(script.agent.instance_uid, "a scripted answer")
    for agent, connection in ((script.agent, WEBSOCKET), (other, 2)):
        message = agent.check_in()
        message.capabilities |= 1 << 40
        script.say(message, connection=connection)
    assert {finding.instance_uid: finding.provoked_by for finding in script.judge.findings} == {
        script.agent.instance_uid: "a.deviation, another, a scripted answer",
        other.instance_uid: "",
    }
    script.close()
    again = Agent("test", script.agent.instance_uid).full_status()
    again.capabilities |= 1 << 40
    script.say(again, connection=3)
    assert script.judge.findings[-1].provoked_by == ""
    assert script.judge.findings[-1].instance_uid == script.agent.instance_uid


def test_an_agent_that_polls_stays_itself_under_a_new_uid() -> None:
    script = Script(http=True)
    new = pb.ServerToAgent(instance_uid=script.agent.instance_uid)
    new.agent_identification.new_instance_uid = bytes(range(16))
    script.say(script.agent.full_status(flags=int(pb.AgentToServerFlags_RequestInstanceUid)), new)
    script.agent.instance_uid = bytes(range(16))
    script.say(script.agent.check_in())
    assert script.found == {}


def test_a_finding_keeps_little_of_a_large_message() -> None:
    script = Script()
    message = script.agent.full_status()
    message.capabilities |= 1 << 40
    message.agent_description.identifying_attributes[0].value.string_value = "x" * 1_000_000
    script.say(message)
    [finding] = script.judge.findings
    assert len(finding.samples[0].data) < 20_000
    assert finding.samples[0].message is None


# ---- agents that break one thing


def test_a_sequence_number_that_never_moves_is_a_failure() -> None:
    severities = [finding.severity for finding in never_moves().judge.findings]
    assert severities == [Severity.FAILURE]


def test_each_check_has_a_deviant_agent() -> None:
    assert {requirement for requirement, *_ in DEVIANT.values()} == REQUIREMENTS


@pytest.mark.parametrize("name", DEVIANT)
def test_an_agent_that_breaks_one_thing_has_that_finding_and_no_other(name: str) -> None:
    requirement, severity, play = DEVIANT[name]
    assert play().found == {requirement: severity}


def test_findings_are_requirements_of_agents() -> None:
    ledger = load_ledger()
    for requirement, *_ in DEVIANT.values():
        assert ledger[requirement].subject in (Subject.AGENT, Subject.BOTH), requirement


def test_the_links_of_findings_are_those_of_the_ledger() -> None:
    ledger = load_ledger()
    assert {name: link_of(name) for name in REQUIREMENTS} == {name: ledger[name].link for name in REQUIREMENTS}


def test_the_documentation_lists_what_is_judged() -> None:
    row = re.compile(r"^\| (\S+) \| (failure|warning|failure or warning) \| (.*) \|$", re.MULTILINE)
    rows = row.findall((ROOT / "docs/agents.md").read_text())
    found: dict[str, set[str]] = {}
    for requirement, severity, _ in DEVIANT.values():
        found.setdefault(requirement, set()).add(severity.value)
    assert [(name, severity) for name, severity, _ in rows] == [
        (name, " or ".join(sorted(found[name]))) for name in sorted(found)
    ]
    ledger = load_ledger()
    assert [statement for _, _, statement in rows] == [ledger[name].statement for name in sorted(found)]


def test_an_agent_that_ignores_an_offer_may_report_an_empty_status() -> None:
    script = begin()
    script.push(pb.ServerToAgent(remote_config=pb.AgentRemoteConfig(config_hash=b"hash")))
    message = script.agent.check_in()
    message.remote_config_status.SetInParent()
    script.say(message, after=30)
    assert script.found == {}
