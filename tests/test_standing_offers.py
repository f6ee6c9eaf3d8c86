"""Servers that offer the same to every agent, without an operator: they are graded without a control plane."""

from dataclasses import dataclass, field

import pytest

from opamp_conformance.client.timing import Timing
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.results.events import ScenarioFinished
from opamp_conformance.results.verdicts import Verdict
from opamp_conformance.runner.run import grade
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets import Endpoint
from opamp_conformance.targets.url import UrlTarget
from opamp_conformance.wire.transport import Transport
from opamp_proto import opamp_pb2 as pb
from support.bad_server import BadServer, read_request, respond
from support.matrix import RunRecord

CONFIG_HASH = b"the hash of the configuration"
SETTINGS_HASH = b"the hash of the settings"
OFFERS = pb.ServerCapabilities_OffersRemoteConfig | pb.ServerCapabilities_OffersConnectionSettings


@dataclass
class ServerWithStandingOffers:
    """Offers every agent a configuration, and settings for own metrics. ``fault`` is what it does wrong."""

    fault: str = ""
    announced: int = pb.ServerCapabilities_AcceptsStatus | OFFERS
    has_config: set[bytes] = field(default_factory=set)
    has_settings: set[bytes] = field(default_factory=set)
    capabilities: dict[bytes, int] = field(default_factory=dict)

    def answer(self, message: pb.AgentToServer) -> pb.ServerToAgent:
        uid = message.instance_uid
        reply = pb.ServerToAgent(instance_uid=uid)
        if message.HasField("agent_description"):
            reply.capabilities = self.announced
            self.has_config.discard(uid)
            self.has_settings.discard(uid)
        if self.fault == "keeps capabilities":
            self.capabilities[uid] = self.capabilities.get(uid, 0) | message.capabilities
        else:
            self.capabilities[uid] = message.capabilities
        self._note(uid, message)
        if message.HasField("agent_disconnect"):
            return reply
        can = self.capabilities[uid]
        if self.fault == "offers to all":
            can = (1 << 16) - 1
        if can & pb.AgentCapabilities_AcceptsRemoteConfig and uid not in self.has_config:
            reply.remote_config.config.config_map["a.yaml"].body = b"receivers: {}"
            reply.remote_config.config_hash = b"" if self.fault == "no hash" else CONFIG_HASH
        if can & pb.AgentCapabilities_ReportsOwnMetrics and uid not in self.has_settings:
            url = "backend.example" if self.fault == "no URL" else "https://backend.example/v1/metrics"
            reply.connection_settings.own_metrics.destination_endpoint = url
            reply.connection_settings.hash = SETTINGS_HASH
        return reply

    def _note(self, uid: bytes, message: pb.AgentToServer) -> None:
        for part, reported, expected, known in (
            ("remote_config_status", "last_remote_config_hash", CONFIG_HASH, self.has_config),
            ("connection_settings_status", "last_connection_settings_hash", SETTINGS_HASH, self.has_settings),
        ):
            if not message.HasField(part):  # type: ignore[arg-type]
                continue
            if self.fault == "repeats":
                known.discard(uid)
            elif getattr(getattr(message, part), reported) == expected or (self.fault == "ignores" and uid in known):
                known.add(uid)
            else:
                known.discard(uid)


def graded(server: ServerWithStandingOffers, *assumed: str) -> RunRecord:
    def behave(connection) -> None:  # type: ignore[no-untyped-def]
        while request := read_request(connection):
            if request.startswith(b"POST"):
                message = pb.AgentToServer.FromString(request.partition(b"\r\n\r\n")[2])
                respond(connection, server.answer(message).SerializeToString())
            else:
                respond(connection, b"", "404 Not Found")

    record = RunRecord()
    only = ["remote-config.*", "config-files.*", "telemetry-settings.*", "connection-status.*", "own-telemetry.*"]
    selection = Selection([Contract.OPAMP], only=[*only, "capabilities.*"], transports=[Transport.HTTP])
    with BadServer(behave) as listener:
        grade(
            UrlTarget(Endpoint(listener.url)),
            selection,
            timing=Timing(2),
            workers=1,
            assumed=assumed,
            listeners=[record],
        )
    return record


def broken(record: RunRecord) -> set[str]:
    failed = [event for event in record.scenarios if event.verdict in (Verdict.FAILED, Verdict.WARNED)]
    findings = {finding.requirement for finding in record.findings}
    return {requirement for event in failed for requirement in event.requirements} | findings


@pytest.fixture(scope="module")
def correct() -> RunRecord:
    return graded(ServerWithStandingOffers())


def test_a_correct_server_is_graded_without_a_control_plane(correct: RunRecord) -> None:
    assert broken(correct) == set()
    by_key: dict[str, ScenarioFinished] = {event.key: event for event in correct.scenarios}
    for key in (
        "remote-config.server-offers-on-mismatch.other",
        "remote-config.config-unset-if-unchanged.applied",
        "remote-config.config-unset-if-unchanged.failed",
        "remote-config.config-hash-set",
        "config-files.unique-names",
        "telemetry-settings.endpoint-full-url",
        "connection-status.server-offers-on-mismatch.applied",
        "own-telemetry.no-offer-if-unchanged.applied",
        "own-telemetry.no-offer-if-unchanged.failed",
        "capabilities.server-respects-change.configuration",
        "capabilities.server-respects-change.settings.ReportsOwnMetrics.own-metrics",
    ):
        assert by_key[key].verdict is Verdict.PASSED, by_key[key]
    for key in (
        "config-files.keys-are-names.one",
        "remote-config.hash-function.content",
        "own-telemetry.offer-on-change",
    ):
        assert by_key[key].verdict is Verdict.NOT_APPLICABLE
        assert "--control" in by_key[key].actual


@pytest.mark.parametrize(
    ("fault", "requirement"),
    [
        ("no hash", "remote-config.config-hash-set"),
        ("repeats", "remote-config.config-unset-if-unchanged"),
        ("repeats", "own-telemetry.no-offer-if-unchanged"),
        ("ignores", "remote-config.server-offers-on-mismatch"),
        ("ignores", "connection-status.server-offers-on-mismatch"),
        ("no URL", "telemetry-settings.endpoint-full-url"),
        ("keeps capabilities", "capabilities.server-respects-change"),
        ("offers to all", "remote-config.not-offered-if-unsupported"),
        ("offers to all", "connection-settings.capability.own-metrics"),
    ],
)
def test_a_fault_of_standing_offers_is_noticed(fault: str, requirement: str) -> None:
    assert requirement in broken(graded(ServerWithStandingOffers(fault)))


def test_offers_without_an_announcement_are_graded_and_are_a_finding() -> None:
    record = graded(ServerWithStandingOffers("repeats", announced=pb.ServerCapabilities_AcceptsStatus))
    assert {"remote-config.config-unset-if-unchanged", "capabilities.server.bits-truthful"} <= broken(record)


def test_a_capability_can_be_assumed() -> None:
    """Without the assumption, the scenarios do not concern a server that announces nothing and offers nothing."""
    silent = ServerWithStandingOffers(announced=pb.ServerCapabilities_AcceptsStatus, fault="")
    silent.answer = lambda message: pb.ServerToAgent(instance_uid=message.instance_uid, capabilities=1)  # type: ignore[method-assign]
    key = "remote-config.server-compares-hash.lost"
    without = next(event for event in graded(silent).scenarios if event.key == key)
    assumed = next(event for event in graded(silent, "OffersRemoteConfig").scenarios if event.key == key)
    assert "does not announce OffersRemoteConfig" in without.actual
    assert "--control" in assumed.actual
    assert "--assume OffersRemoteConfig" in assumed.reproduce
