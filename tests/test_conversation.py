"""The model of the conversation: what it demands and forbids, and where it says nothing."""

from collections.abc import Sequence

import pytest
import uuid6

from opamp_conformance.checks.conversation import Conversation
from opamp_conformance.client.agent import EVERY_CAPABILITY, REQUEST_INSTANCE_UID, Agent
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest, HttpResponse
from opamp_conformance.wire.websocket import HEADER, ReceivedMessage, WebSocketMessage
from opamp_proto import opamp_pb2 as pb

FULL = pb.ServerToAgentFlags_ReportFullState
GAP = "sequence.server-report-full-state"
NEEDLESS = "flags.report-flags-allowed"


class Talk:
    """A conversation that is written down: what was sent, what came, and what the model says."""

    def __init__(self, contracts: Sequence[Contract] = (Contract.OPAMP,)) -> None:
        self.model = Conversation(contracts)
        self.agent = Agent("test")

    def answer(self, sent: pb.AgentToServer, status: int = 200, **fields: object) -> set[str]:
        """Let the server answer over plain HTTP; return what the answer breaks."""
        reply = pb.ServerToAgent(instance_uid=sent.instance_uid, capabilities=1, **fields)  # type: ignore[arg-type]
        response = HttpResponse(status, {}, reply.SerializeToString())
        return self.follow(Exchange(HttpRequest.of(sent), 0, 0, response))

    def websocket(self, sent: pb.AgentToServer, connection_id: bytes, **fields: object) -> set[str]:
        reply = pb.ServerToAgent(instance_uid=sent.instance_uid, capabilities=1, **fields)  # type: ignore[arg-type]
        request = WebSocketMessage(HEADER + sent.SerializeToString(), sent, connection_id)
        return self.follow(Exchange(request, 0, 0, ReceivedMessage(HEADER + reply.SerializeToString())))

    def follow(self, exchange: Exchange) -> set[str]:
        return {requirement for requirement, _ in self.model.follow(exchange)}


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_in_sequence_the_server_asks_for_nothing(talk: Talk) -> None:
    assert talk.answer(talk.agent.full_status()) == set()
    assert talk.answer(talk.agent.check_in()) == set()
    assert talk.answer(talk.agent.check_in(), flags=FULL) == {NEEDLESS}


def test_after_a_gap_the_server_asks(talk: Talk) -> None:
    talk.answer(talk.agent.full_status())
    talk.agent.lose(1)
    assert talk.answer(talk.agent.check_in()) == {GAP}
    talk.agent.lose(1)
    assert talk.answer(talk.agent.check_in(), flags=FULL) == set()
    assert talk.answer(talk.agent.check_in(), flags=FULL) == set()  # It still lacks the full state.
    assert talk.answer(talk.agent.full_status()) == set()
    assert talk.answer(talk.agent.check_in(), flags=FULL) == {NEEDLESS}


def test_a_full_report_after_a_gap_is_open(talk: Talk) -> None:
    talk.answer(talk.agent.full_status())
    talk.agent.lose(1)
    assert talk.answer(talk.agent.full_status(), flags=FULL) == set()
    talk.agent.lose(1)
    assert talk.answer(talk.agent.full_status()) == set()


def test_an_unknown_agent_is_asked_unless_it_describes_itself(talk: Talk) -> None:
    talk.agent.lose(5)
    assert talk.answer(talk.agent.check_in()) == {GAP}
    other = Agent("test")
    assert talk.answer(other.check_in()) == set()  # Its first message may be all that there is.


def test_what_an_unanswered_message_changed_is_open(talk: Talk) -> None:
    talk.answer(talk.agent.full_status())
    talk.follow(Exchange(HttpRequest.of(talk.agent.check_in()), 0, 0, None, "no answer"))
    assert talk.answer(talk.agent.check_in()) == set()
    assert talk.answer(talk.agent.check_in(), flags=FULL) == {NEEDLESS}


def test_after_a_goodbye_and_after_a_closed_connection_a_question_is_allowed(talk: Talk) -> None:
    talk.answer(talk.agent.full_status())
    talk.answer(talk.agent.disconnect())
    assert talk.answer(talk.agent.check_in(), flags=FULL) == set()
    other = Agent("test")
    talk.websocket(other.full_status(), b"one")
    talk.model.connection_closed(b"one")
    assert talk.websocket(other.check_in(), b"one", flags=FULL) == set()


def test_a_gap_after_a_goodbye_is_a_gap_whether_or_not_the_server_forgets_agents(talk: Talk) -> None:
    talk.answer(talk.agent.full_status())
    talk.answer(talk.agent.disconnect())
    talk.agent.lose(3)
    assert talk.answer(talk.agent.check_in()) == {GAP}
    talk.answer(talk.agent.disconnect())
    assert talk.answer(talk.agent.check_in()) == set()
    talk.answer(talk.agent.disconnect())
    talk.agent.lose(3)
    assert talk.answer(talk.agent.full_status()) == set()


def settings(hash_: bytes, interval: int) -> pb.ConnectionSettingsOffers:
    opamp = pb.OpAMPConnectionSettings(heartbeat_interval_seconds=interval)
    return pb.ConnectionSettingsOffers(hash=hash_, opamp=opamp)


def test_settings_with_a_requested_certificate_may_have_the_hash_of_all_settings(talk: Talk) -> None:
    talk.agent.capabilities = EVERY_CAPABILITY
    talk.answer(talk.agent.full_status(), connection_settings=settings(b"1", 5))
    request = talk.agent.check_in()
    request.connection_settings_request.opamp.certificate_request.csr = b"-"
    answer = settings(b"2", 5)
    answer.opamp.certificate.cert, answer.opamp.certificate.ca_cert = b"signed", b"authority"
    assert talk.answer(request, connection_settings=answer) == set()
    for reported in (b"2", b"1"):
        talk.agent.connection_settings_hash = reported
        assert talk.answer(talk.agent.full_status()) == set()


def test_two_connections_with_one_instance_uid_make_the_order_uncertain(talk: Talk) -> None:
    talk.websocket(talk.agent.full_status(), b"one")
    clone = talk.agent.clone()
    assert talk.websocket(clone.check_in(), b"two") == set()
    assert talk.websocket(talk.agent.check_in(), b"one") == set()


def test_the_first_answer_has_capabilities(talk: Talk) -> None:
    sent = talk.agent.full_status()
    response = HttpResponse(200, {}, pb.ServerToAgent(instance_uid=sent.instance_uid).SerializeToString())
    exchange = Exchange(HttpRequest.of(sent), 0, 0, response)
    assert talk.follow(exchange) == {"capabilities.server.first-message"}


def test_a_well_formed_message_is_not_malformed(talk: Talk) -> None:
    error = pb.ServerErrorResponse(type=pb.ServerErrorResponseType_BadRequest)
    assert talk.answer(talk.agent.full_status(), error_response=error) == {"error.bad-request-only-as-reply"}
    assert talk.answer(talk.agent.disconnect(), error_response=error) == set()


def test_an_error_with_a_reason_to_refuse_is_open(talk: Talk) -> None:
    error = pb.ServerErrorResponse(type=pb.ServerErrorResponseType_BadRequest)
    assert talk.answer(talk.agent.full_status(), status=401, error_response=error) == set()


@pytest.mark.parametrize(("status", "broken"), [(200, set()), (202, set()), (500, {"response.no-error-on-success"})])
def test_a_processed_message_has_a_status_of_success(talk: Talk, status: int, broken: set[str]) -> None:
    assert talk.answer(talk.agent.full_status(), status=status) == broken


def test_a_request_for_an_instance_uid_is_answered_with_a_new_one(talk: Talk) -> None:
    ask = talk.agent.full_status(flags=REQUEST_INSTANCE_UID)
    assert talk.answer(ask) == {"identification.request-uid.answered"}
    new = uuid6.uuid7().bytes
    for sender, broken in [(talk.agent, set()), (Agent("test"), {"identification.request-uid.answered"})]:
        sent = sender.full_status(flags=REQUEST_INSTANCE_UID)
        assert talk.answer(sent, agent_identification=pb.AgentIdentification(new_instance_uid=new)) == broken


def test_an_acknowledged_configuration_is_not_sent_again(talk: Talk) -> None:
    talk.agent.capabilities = EVERY_CAPABILITY
    files = pb.AgentConfigMap(config_map={"": pb.AgentConfigObject(body=b"one")})
    offer = pb.AgentRemoteConfig(config=files, config_hash=b"1")
    assert talk.answer(talk.agent.full_status(), remote_config=offer) == set()
    assert talk.answer(talk.agent.check_in(), remote_config=offer) == set()  # It is not acknowledged yet.
    talk.agent.remote_config_hash = b"1"
    again = {"remote-config.config-unset-if-unchanged"}
    assert talk.answer(talk.agent.full_status(), remote_config=offer) == again
    assert talk.answer(talk.agent.check_in(), remote_config=offer) == again


def test_other_content_has_another_hash(talk: Talk) -> None:
    for body, broken in [(b"one", set()), (b"one", set()), (b"two", {"remote-config.hash-function"})]:
        files = pb.AgentConfigMap(config_map={"": pb.AgentConfigObject(body=body)})
        sent = Agent("test", capabilities=EVERY_CAPABILITY).full_status()
        assert talk.answer(sent, remote_config=pb.AgentRemoteConfig(config=files, config_hash=b"1")) == broken


def test_a_message_to_an_agent_that_has_left(talk: Talk) -> None:
    talk.websocket(talk.agent.full_status(), b"one")
    sent = talk.agent.disconnect()
    talk.websocket(sent, b"one")
    request = WebSocketMessage(HEADER + sent.SerializeToString(), sent, b"one")
    push = pb.ServerToAgent(instance_uid=sent.instance_uid, capabilities=1)
    exchange = Exchange(request, 0, 0, ReceivedMessage(HEADER + push.SerializeToString()), is_push=True)
    assert talk.follow(exchange) == {"disconnect.server-forgets-instance"}


def test_the_fleet_contract_is_judged_only_where_it_applies() -> None:
    accepted = {}
    for contracts in ([Contract.OPAMP], list(Contract)):
        talk = Talk(contracts)
        accepted[len(contracts)] = talk.answer(talk.agent.disconnect())
    assert accepted == {1: set(), 2: {"fleet.disconnect.unenrolled"}}


def test_enrollment_by_the_fleet_contract() -> None:
    talk = Talk(list(Contract))
    error = pb.ServerErrorResponse(type=pb.ServerErrorResponseType_BadRequest)
    assert talk.answer(talk.agent.full_status()) == set()
    assert talk.answer(talk.agent.disconnect(flags=REQUEST_INSTANCE_UID)) == {"fleet.disconnect.with-flag"}
    assert talk.answer(talk.agent.disconnect(), error_response=error) == {"fleet.disconnect.enrolled"}
    broken = talk.answer(talk.agent.check_in(), error_response=error)
    assert broken == {"fleet.check-in", "error.bad-request-only-as-reply"}


def test_a_pending_new_instance_uid_may_be_given_again(talk: Talk) -> None:
    pending = pb.AgentIdentification(new_instance_uid=uuid6.uuid7().bytes)
    talk.answer(talk.agent.full_status(flags=REQUEST_INSTANCE_UID), agent_identification=pending)
    assert talk.answer(talk.agent.check_in(), agent_identification=pending) == set()
    # The same after a message in a form that the model cannot read, so that it does not know the sender.
    reply = pb.ServerToAgent(instance_uid=talk.agent.instance_uid, agent_identification=pending)
    unreadable = HttpRequest(b"\x80\x00" + talk.agent.check_in().SerializeToString())
    assert talk.follow(Exchange(unreadable, 0, 0, HttpResponse(200, {}, reply.SerializeToString()))) == set()
    assert talk.answer(Agent("other").full_status(), agent_identification=pending) != set()


def test_a_server_may_offer_everything_again_after_a_disconnect(talk: Talk) -> None:
    offer = pb.AgentRemoteConfig(config_hash=b"hash", config=pb.AgentConfigMap())
    talk.agent.capabilities = EVERY_CAPABILITY
    talk.agent.remote_config_hash = b"hash"
    assert talk.answer(talk.agent.full_status()) == set()
    assert talk.answer(talk.agent.check_in(), remote_config=offer) != set()
    talk.answer(talk.agent.disconnect())
    assert talk.answer(talk.agent.check_in(), remote_config=offer) == set()


def test_agents_that_were_silent_the_longest_are_forgotten_and_not_held_against_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("opamp_conformance.checks.known_agents.MOST_AGENTS", 3)
    talk = Talk([*Contract])
    old, *others = [Agent("test") for _ in range(4)]
    talk.answer(old.full_status())
    for other in others:
        talk.answer(other.full_status(), flags=FULL)
    assert len(talk.model.agents) == 3
    assert talk.answer(old.check_in()) == set()  # It may be that the server has the full state.
    others[-1].lose(1)
    assert talk.answer(others[-1].check_in()) == {GAP}


def test_the_end_of_a_connection_concerns_its_own_agents_only() -> None:
    talk = Talk()
    one, two = Agent("test"), Agent("test")
    talk.websocket(one.full_status(), b"one")
    talk.websocket(two.full_status(), b"two")
    talk.model.connection_closed(b"one")
    one.lose(1)
    two.lose(1)
    assert talk.websocket(one.check_in(), b"one") == {GAP}
    assert talk.websocket(two.check_in(), b"two", flags=FULL) == set()
    assert talk.model.agents.on(b"two") == {two.instance_uid}
    talk.websocket(two.full_status(), b"one")
    assert talk.model.agents.on(b"two") == set()
