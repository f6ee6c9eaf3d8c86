"""Random sequences of valid and invalid messages of several agents, checked against a model of the specification.

The model checks only the content of replies, by the sections that its comments name. It does not use code of the server.
"""

import uuid
from dataclasses import dataclass, field

import pytest
from google.protobuf import json_format
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from opamp_conformance.checks.findings import CHECKS
from opamp_conformance.client.agent import EVERY_CAPABILITY, REQUEST_INSTANCE_UID, Agent, capability, configuration
from opamp_mock_server import DEVIATIONS, Contract, Deviation, Settings
from opamp_proto import opamp_pb2 as pb
from support.in_memory import InMemory
from support.matrix import is_nightly

NIGHTLY = is_nightly()
PHASES = (Phase.generate, Phase.shrink) if NIGHTLY else (Phase.generate,)
UIDS = [bytes([number]) * 16 for number in range(1, 4)]
CAPABILITIES = [EVERY_CAPABILITY, EVERY_CAPABILITY & ~capability("AcceptsRemoteConfig"), capability("ReportsStatus")]
FULL_REPORT = (  # The parts that a full report needs for each capability (Agent Status Compression).
    ("ReportsHealth", "health"),
    ("ReportsEffectiveConfig", "effective_config"),
    ("ReportsRemoteConfig", "remote_config_status"),
    ("ReportsPackageStatuses", "package_statuses"),
)


@dataclass
class Known:
    """What a server has to know about an agent for its replies."""

    sequence_num: int
    capabilities: int
    is_connected: bool = True
    config_hash: bytes = b""


@dataclass
class Model:
    """The replies that the specification and the contract of Fleet Server require."""

    agents: dict[bytes, Known] = field(default_factory=dict)
    desired: dict[bytes, str] = field(default_factory=dict)
    assigned: set[bytes] = field(default_factory=set)

    def judge(self, sent: pb.AgentToServer, reply: pb.ServerToAgent) -> None:
        for requirement, check in CHECKS.items():
            assert check(sent, reply) is None, requirement
        known = self.agents.get(sent.instance_uid)
        asks = bool(sent.flags & REQUEST_INSTANCE_UID)
        disconnects = sent.HasField("agent_disconnect")
        if len(sent.instance_uid) != 16 or (disconnects and (asks or known is None)):
            # Bad Request; for a well-formed agent_disconnect: fleet contract
            assert reply.error_response.type == pb.ServerErrorResponseType_BadRequest
            assert reply.error_response.error_message
            return
        assert not reply.HasField("error_response")  # Status Reporting
        assert reply.instance_uid == sent.instance_uid  # ServerToAgent.instance_uid
        if disconnects:
            assert known is not None
            known.is_connected, known.sequence_num = False, sent.sequence_num
            if sent.HasField("remote_config_status"):
                known.config_hash = sent.remote_config_status.last_remote_config_hash
            assert not reply.HasField("remote_config")
            return
        new_instance_uid = reply.agent_identification.new_instance_uid
        assert bool(new_instance_uid) == asks  # AgentToServerFlags
        if asks:
            self._judge_new_instance_uid(sent, new_instance_uid)
            return
        self._judge_report(sent, reply, known)

    def _judge_new_instance_uid(self, sent: pb.AgentToServer, new_instance_uid: bytes) -> None:
        # ServerToAgent.agent_identification; fleet contract
        assert uuid.UUID(bytes=new_instance_uid).version == 7
        assert new_instance_uid not in self.assigned
        assert new_instance_uid != sent.instance_uid
        self.assigned.add(new_instance_uid)
        self.agents[new_instance_uid] = Known(sent.sequence_num, sent.capabilities)

    def _judge_report(self, sent: pb.AgentToServer, reply: pb.ServerToAgent, known: Known | None) -> None:
        if known is None:
            assert reply.capabilities & pb.ServerCapabilities_AcceptsStatus  # ServerToAgent.capabilities
        asked = bool(reply.flags & pb.ServerToAgentFlags_ReportFullState)
        if known is not None and not self._is_full(sent):
            assert asked == (sent.sequence_num != known.sequence_num + 1)  # Agent Status Compression
        if known is None:
            known = self.agents[sent.instance_uid] = Known(0, 0)
        known.is_connected, known.sequence_num, known.capabilities = True, sent.sequence_num, sent.capabilities
        if sent.HasField("remote_config_status"):
            known.config_hash = sent.remote_config_status.last_remote_config_hash
        self._judge_configuration(sent, reply, known)

    def _judge_configuration(self, sent: pb.AgentToServer, reply: pb.ServerToAgent, known: Known) -> None:
        """Configuration, RemoteConfigStatus.last_remote_config_hash."""
        desired = self.desired.get(sent.instance_uid)
        if not sent.capabilities & capability("AcceptsRemoteConfig") or desired is None:
            assert not reply.HasField("remote_config")
            return
        if reply.HasField("remote_config"):
            [file] = reply.remote_config.config.config_map.values()
            assert file.body.decode() == desired
            assert reply.remote_config.config_hash != known.config_hash
            known.config_hash = reply.remote_config.config_hash
        elif sent.HasField("remote_config_status"):
            assert known.config_hash  # A reply may have no offer only if the agent already has a configuration.

    def _is_full(self, sent: pb.AgentToServer) -> bool:
        return sent.HasField("agent_description") and all(
            sent.HasField(part) for name, part in FULL_REPORT if sent.capabilities & capability(name)
        )


class AgentsOfAModel(RuleBasedStateMachine):
    """The allowed and forbidden actions of agents, in random order."""

    def __init__(self, *deviations: Deviation) -> None:
        super().__init__()
        self.server = InMemory(Settings(contract=Contract.FLEET, control=True, deviations=deviations))
        self.model = Model()
        self.agents = [Agent("model", uid) for uid in UIDS]

    def teardown(self) -> None:
        self.server.__exit__()

    def send(self, message: pb.AgentToServer) -> None:
        answer = self.server.request(message.SerializeToString())
        assert answer.status == 200
        self.model.judge(message, pb.ServerToAgent.FromString(answer.body))

    @rule(number=st.integers(0, 2), flags=st.sampled_from([0, REQUEST_INSTANCE_UID, 2]))
    def report(self, number: int, flags: int) -> None:
        self.send(self.agents[number].full_status(flags=flags))

    @rule(number=st.integers(0, 2), flags=st.sampled_from([0, REQUEST_INSTANCE_UID]))
    def check_in(self, number: int, flags: int) -> None:
        self.send(self.agents[number].check_in(flags=flags))

    @rule(number=st.integers(0, 2), flags=st.sampled_from([0, REQUEST_INSTANCE_UID]), full=st.booleans())
    def disconnect(self, number: int, flags: int, full: bool) -> None:
        self.send(self.agents[number].disconnect(flags=flags, full_report=full))

    @rule(number=st.integers(0, 2), length=st.sampled_from([0, 8, 15, 17, 32]))
    def send_invalid_instance_uid(self, number: int, length: int) -> None:
        message = self.agents[number].full_status()
        message.instance_uid = b"\7" * length
        self.send(message)

    @rule(number=st.integers(0, 2), lost=st.integers(-3, 3))
    def lose_messages(self, number: int, lost: int) -> None:
        agent = self.agents[number]
        agent.lose(max(lost, -agent.sequence_num))

    @rule(number=st.integers(0, 2), capabilities=st.sampled_from(CAPABILITIES))
    def change_capabilities(self, number: int, capabilities: int) -> None:
        self.agents[number].capabilities = capabilities

    @rule(number=st.integers(0, 2))
    def adopt(self, number: int) -> None:
        if self.model.assigned:
            self.agents[number].adopt(max(self.model.assigned))

    @rule(number=st.integers(0, 2), config_hash=st.sampled_from([b"", b"another"]))
    def report_configuration(self, number: int, config_hash: bytes) -> None:
        agent = self.agents[number]
        agent.remote_config_hash = config_hash
        self.send(agent.remote_config_status(pb.RemoteConfigStatuses_APPLIED))

    @rule(number=st.integers(0, 2), text=st.sampled_from(["one", "two"]))
    def set_desired_configuration(self, number: int, text: str) -> None:
        uid = self.agents[number].instance_uid
        files = pb.AgentConfigMap(config_map={"": configuration(text)})
        body = json_format.MessageToJson(files).encode()
        answer = self.server.request(body, "PUT", f"/control/agents/{uid.hex()}/remote_config")
        assert answer.status in (202, 204)  # 202: the agent cannot take it.
        self.model.desired[uid] = text

    @invariant()
    def the_control_plane_shows_the_connected_agents(self) -> None:
        for uid in UIDS:
            answer = self.server.request(b"", "GET", f"/control/agents/{uid.hex()}")
            known = self.model.agents.get(uid)
            assert answer.status == (404 if known is None else 200)
            assert known is None or (b'"connected": true' in answer.body) == known.is_connected


def model_settings(count: int) -> settings:
    return settings(
        max_examples=count, stateful_step_count=50, deadline=None, derandomize=not NIGHTLY, database=None, phases=PHASES
    )


def test_the_server_matches_the_model() -> None:
    run_state_machine_as_test(AgentsOfAModel, settings=model_settings(3_000 if NIGHTLY else 60))


@pytest.mark.parametrize(
    "deviation",
    [
        "bad-request.respond:any-length",
        "capabilities.server.accepts-status-bit",
        "disconnect.server-forgets-instance",
        "fleet.disconnect.unenrolled",
        "fleet.disconnect.with-flag:enrolled",
        "fleet.new-uid.enrolled",
        "fleet.request-uid.every-time",
        "fleet.request-uid.known-agent",
        "identification.new-instance-uid.uuidv7",
        "identification.s2a-matches:on-errors",
        "remote-config.not-offered-if-unsupported",
        "remote-config.server-offers-on-mismatch",
        "response.no-error-on-success",
        "sequence.server-report-full-state",
        "sequence.server-report-full-state:backwards",
    ],
)
def test_the_model_detects_a_deviation(deviation: str) -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(lambda: AgentsOfAModel(DEVIATIONS[deviation]), settings=model_settings(200))
