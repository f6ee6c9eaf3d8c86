"""The kit's own rules: the ledger, the features and their steps, verdicts, redaction."""

import collections
import time
from pathlib import Path

import pytest
import uuid6

from opamp_agent_checks import REQUIREMENTS
from opamp_conformance import resources
from opamp_conformance.assertions import bad_request as assert_bad_request
from opamp_conformance.assertions import identification as assert_identification
from opamp_conformance.checks.agent_messages import require_valid_message
from opamp_conformance.checks.findings import CHECKS, Findings
from opamp_conformance.client.agent import Agent
from opamp_conformance.errors import (
    HarnessError,
    NotApplicableError,
    PreconditionFailedError,
    Violation,
    ViolationError,
)
from opamp_conformance.ledger.ledger import Contract, Level, Subject, load_ledger
from opamp_conformance.redaction import REDACTED, Redactor
from opamp_conformance.results.transcript import transcript_of
from opamp_conformance.results.verdicts import ExitCode, Verdict, exit_code, judge
from opamp_conformance.suite.catalogue import FeatureLintError, load_catalogue, read_features
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest, HttpResponse
from opamp_proto import opamp_pb2 as pb

LEDGER = load_ledger()
MUST = LEDGER["auth.401"]
SHOULD = LEDGER["http.response-compression"]


# ---- ledger and features


def test_every_statement_is_accounted_for() -> None:
    """Checked, or not for a reason that is told; never both."""
    for requirement in LEDGER.values():
        is_checked = bool(load_catalogue().checking(requirement.id))
        if requirement.subject is Subject.AGENT:
            by_scenarios = bool(load_catalogue(Subject.AGENT).checking(requirement.id))
            is_checked = by_scenarios or requirement.id in REQUIREMENTS
        assert is_checked + (requirement.unchecked is not None) == 1, requirement.id


def test_what_every_reply_is_checked_for_has_scenarios_too() -> None:
    assert [requirement for requirement in CHECKS if not load_catalogue().checking(requirement)] == []


def test_requirements_of_fleet_server_are_its_contract() -> None:
    for requirement in LEDGER.values():
        assert (requirement.contract is Contract.FLEET) == requirement.id.startswith("fleet.")
    for scenario in load_catalogue().values():
        assert (scenario.contract is Contract.FLEET) == (scenario.requirements[0].contract is Contract.FLEET)


def test_links_lead_somewhere() -> None:
    page = (Path(__file__).parent.parent / "docs" / "fleet-contract.md").read_text(encoding="utf-8")
    headings = [line.lstrip("# ").strip().lower() for line in page.splitlines() if line.startswith("#")]
    anchors = {heading.replace(" ", "-").replace(":", "").replace("`", "") for heading in headings}
    assert {requirement.section for requirement in LEDGER.values() if requirement.contract is Contract.FLEET} <= anchors


def test_every_step_has_one_definition_and_is_used() -> None:
    defined = collections.Counter(
        name for module in resources.step_modules() for name in vars(module) if name.startswith("pytestbdd_stepdef_")
    )
    assert [name for name, count in defined.items() if count > 1] == []
    written = "\n".join(path.read_text() for path in resources.folder("features").rglob("*.feature"))
    for name in defined:
        start = name.split("_", 3)[-1].split("{")[0].split("(?P")[0].split('"')[0]
        assert start.strip() in written, f"no feature uses: {name}"


FEATURE = """
{tags}
Feature: F
  Scenario: S
    Given an unknown agent
    {then}
"""


@pytest.mark.parametrize(
    ("tags", "then", "problem"),
    [
        ("@auth.401", "Then x", "0 level tags"),
        ("@MUST @SHOULD @auth.401", "Then x", "2 level tags"),
        ("@MUST", "Then x", "names no requirement"),
        ("@MUST @auth.402", "Then x", "auth.402 is not in the ledger"),
        ("@MUST @auth.401.a @response.must-respond.b", "Then x", "2 possible keys"),
        ("@SHOULD @auth.401", "Then x", "auth.401 is of level MUST"),
        ("@MUST @auth.401", "When x", "asserts nothing"),
    ],
)
def test_the_lint_of_features(tmp_path: Path, tags: str, then: str, problem: str) -> None:
    (tmp_path / "chapter").mkdir()
    (tmp_path / "chapter" / "f.feature").write_text(FEATURE.format(tags=tags, then=then))
    with pytest.raises(FeatureLintError, match=problem):
        read_features(tmp_path, LEDGER)


def test_the_lint_wants_different_keys(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.feature").write_text(FEATURE.format(tags="@MUST @auth.401", then="Then x"))
    with pytest.raises(FeatureLintError, match="more than one scenario has this key"):
        read_features(tmp_path, LEDGER)


# ---- verdicts


@pytest.mark.parametrize(
    ("error", "in_given", "requirement", "strict", "verdict"),
    [
        (None, False, MUST, False, Verdict.PASSED),
        (ViolationError(Violation("a", "b")), False, MUST, False, Verdict.FAILED),
        (ViolationError(Violation("a", "b")), False, SHOULD, False, Verdict.WARNED),
        (ViolationError(Violation("a", "b")), False, SHOULD, True, Verdict.FAILED),
        (ViolationError(Violation("a", "b")), True, MUST, False, Verdict.BLOCKED),
        (PreconditionFailedError("auth.401", "x"), False, MUST, False, Verdict.BLOCKED),
        (PreconditionFailedError("bad-request.respond", "x"), True, MUST, False, Verdict.NOT_APPLICABLE),
        (NotApplicableError("x"), True, MUST, False, Verdict.NOT_APPLICABLE),
        (HarnessError("x"), False, MUST, False, Verdict.ERROR),
        (KeyError("x"), False, MUST, False, Verdict.ERROR),
    ],
)
def test_judge(
    error: BaseException | None, in_given: bool, requirement: object, strict: bool, verdict: Verdict
) -> None:
    assert judge(error, in_given, [requirement], LEDGER, strict=strict) is verdict  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.PASSED, Verdict.WARNED, Verdict.NOT_APPLICABLE], ExitCode.CONFORMANT),
        ([Verdict.PASSED, Verdict.FAILED], ExitCode.NOT_CONFORMANT),
        ([Verdict.PASSED, Verdict.BLOCKED], ExitCode.NOT_CONFORMANT),
        ([Verdict.FAILED, Verdict.ERROR], ExitCode.COULD_NOT_TELL),
        ([], ExitCode.COULD_NOT_TELL),
    ],
)
def test_exit_code(verdicts: list[Verdict], code: ExitCode) -> None:
    assert exit_code(verdicts) is code


def test_levels_that_bind() -> None:
    assert MUST.is_binding
    assert not SHOULD.is_binding
    assert LEDGER["error.excludes-other-fields"].level is Level.IMPLIED
    assert LEDGER["error.excludes-other-fields"].is_binding
    assert not LEDGER["identification.request-uid.answered"].is_binding


# ---- what is asserted of replies


def exchange(reply: pb.ServerToAgent | bytes, status: int = 200) -> Exchange:
    body = reply if isinstance(reply, bytes) else reply.SerializeToString()
    return Exchange(HttpRequest.of(Agent("test").full_status()), 0, 0, HttpResponse(status, {}, body))


def test_time_near() -> None:
    now = time.time()
    for offset, is_near in [(0, True), (86_000, True), (-86_000, True), (87_000, False), (-87_000, False)]:
        embedded = int((now + offset) * 1000).to_bytes(6, "big") + bytes(10)
        recorded = exchange(pb.ServerToAgent(agent_identification=pb.AgentIdentification(new_instance_uid=embedded)))
        if is_near:
            assert_identification.time_near(recorded, now)
        else:
            with pytest.raises(ViolationError):
                assert_identification.time_near(recorded, now)


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 200), (b"", 400), (b"<html>", 200), (b"Bad Request\n", 400), (b"\xff", 200)]
)
def test_what_is_no_server_to_agent(body: bytes, status: int) -> None:
    recorded = exchange(body, status)
    with pytest.raises(PreconditionFailedError):
        _ = recorded.reply
    with pytest.raises(ViolationError):
        assert_bad_request.is_error(recorded)


def test_a_reply_that_is_addressed_to_what_it_announces_is_left_to_its_scenario() -> None:
    findings = Findings()
    new = uuid6.uuid7().bytes
    announced = pb.AgentIdentification(new_instance_uid=new)
    findings.inspect(exchange(pb.ServerToAgent(instance_uid=new, agent_identification=announced, capabilities=1)))
    assert list(findings) == []
    findings.inspect(exchange(pb.ServerToAgent(instance_uid=new, capabilities=1)))
    assert [finding.requirement for finding in findings] == ["identification.s2a-matches"]


def test_our_own_messages_are_checked() -> None:
    agent = Agent("test", b"short")
    with pytest.raises(HarnessError):
        require_valid_message(agent.check_in())


# ---- redaction


def test_redaction() -> None:
    redactor = Redactor({"Authorization": "ApiKey abcdef", "X-Team": "blue"})
    assert redactor.text("the key abcdef is wrong") == f"the key {REDACTED} is wrong"
    assert redactor.data(b"..abcdef..") == b"..******.."
    headers = redactor.headers({"authorization": "x", "Set-Cookie": "y", "x-team": "blue", "Server": "abcdef"})
    assert headers == {"authorization": REDACTED, "Set-Cookie": REDACTED, "x-team": REDACTED, "Server": REDACTED}


def test_redaction_leaves_ordinary_words_and_bytes() -> None:
    redactor = Redactor({"Authorization": "Bearer kf93kd02", "X-Tenant": "1234"})
    assert redactor.text("Bearer is wanted, not kf93kd02") == f"Bearer is wanted, not {REDACTED}"
    assert redactor.text("tenant 1234 of 0a1234ff") == f"tenant {REDACTED} of 0a1234ff"
    assert redactor.data(b"\x001234\x00, a1234b") == b"\x00****\x00, a1234b"


def test_what_is_for_the_agents_eyes_only_is_not_shown() -> None:
    reply = pb.ServerToAgent()
    reply.connection_settings.opamp.certificate.private_key = b"a private key"
    reply.connection_settings.opamp.headers.headers.add(key="Authorization", value="Bearer secret")
    reply.connection_settings.other_connections["backend"].headers.headers.add(key="X-Key", value="another")
    [traffic] = transcript_of([exchange(reply)], Redactor({}))
    for secret in ("a private key", "Bearer secret", "another"):
        assert secret not in traffic.response_message
        assert secret.encode() not in bytes.fromhex(traffic.response_bytes)
    assert "Authorization" in traffic.response_message
