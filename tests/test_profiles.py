"""Profiles: known failures and unsupported requirements of a server, and entries that are out of date."""

import json
import re
import socket
import subprocess
from pathlib import Path

import pytest

from opamp_conformance.checks.support import REQUIREMENTS, signs
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.profiles.loading import load_profile, names
from opamp_conformance.profiles.profile import Kind
from opamp_conformance.reports.run_record import read_events
from opamp_conformance.results.events import FindingBooked, ScenarioFinished
from opamp_conformance.results.verdicts import Verdict
from opamp_conformance.suite.catalogue import load_catalogue
from opamp_proto import opamp_pb2 as pb
from support.bad_server import BadServer, acknowledgement, read_request, respond
from support.command_line import Cli, one_line
from support.peers import ROOT


def profile(folder: Path, text: str) -> Path:
    file = folder / "ours.toml"
    file.write_text(text)
    return file


def known(*scenarios: str, more: str = "") -> str:
    return f'[[known]]\nscenarios = {json.dumps(scenarios)}\nbecause = "of issue 123"\n{more}\n'


def run(cli: Cli, *arguments: object) -> subprocess.CompletedProcess[str]:
    with cli.serve("--deviation", "fleet.request-uid.echo") as url:
        return cli("run", "--url", url, "--contract", "fleet", "--transport", "http", *arguments)


ECHO = [
    "fleet.request-uid.echo.enrolled-agent",
    "fleet.request-uid.echo.unknown-agent",
]
EVERYWHERE = 'requirements = ["fleet.request-uid.echo"]'


def test_known_failures_do_not_fail_a_run(cli: Cli, tmp_path: Path) -> None:
    only = ("--only", "fleet.request-uid.*")
    assert run(cli, *only).returncode == 1
    file = profile(tmp_path, known(*ECHO, more=EVERYWHERE))
    junit = tmp_path / "out.xml"
    result = run(cli, *only, "--profile", file, "--junit", junit)
    assert result.returncode == 0, result.stdout
    assert "3 known" in result.stdout
    assert "of issue 123" in result.stdout
    assert 'value="known"' in junit.read_text()


def test_a_known_failure_that_passes_is_a_failure(cli: Cli, tmp_path: Path) -> None:
    file = profile(tmp_path, known(*ECHO, "fleet.disconnect.enrolled.plain", more=EVERYWHERE))
    result = run(cli, "--profile", file)
    assert result.returncode == 1
    assert "1 failed, 3 known" in result.stdout
    assert "remove it" in result.stdout
    assert f"--profile {file}" in result.stdout


def test_a_known_scenario_excuses_only_its_own_messages(cli: Cli, tmp_path: Path) -> None:
    file = profile(tmp_path, known(*ECHO))
    result = run(cli, "--only", "fleet.request-uid.echo", "--profile", file)
    assert result.returncode == 0, result.stdout
    assert re.search(r"conformant: 3 known in", result.stdout), "the finding is known, too"
    result = run(cli, "--only", "fleet.request-uid.echo", "--only", "fleet.new-uid.uuidv7", "--profile", file)
    assert result.returncode == 1
    assert "3 passed, 1 failed, 2 known" in result.stdout
    everywhere = profile(tmp_path, known(*ECHO, more=EVERYWHERE))
    assert run(cli, "--only", "fleet.*", "--profile", everywhere).returncode == 0


def test_a_finding_is_excused_only_by_what_came(cli: Cli, tmp_path: Path) -> None:
    for actual, code in (("*", 0), ("a strange *", 1)):
        text = f'[[known]]\n{EVERYWHERE}\nbecause = "so"\nactual = "{actual}"\n'
        result = run(cli, "--only", "fleet.new-uid.uuidv7", "--profile", profile(tmp_path, text))
        assert result.returncode == code, result.stdout


def test_a_known_finding(cli: Cli, tmp_path: Path) -> None:
    file = profile(tmp_path, '[[known]]\nrequirements = ["error.excludes-other-fields"]\nbecause = "so"\n')
    with cli.serve("--deviation", "error.excludes-other-fields") as url:
        result = cli("run", "--url", url, "--profile", file, "--transport", "http", "--only", "bad-request.*")
        assert result.returncode == 0, result.stdout
        assert " messages: error.excludes-other-fields" in result.stdout
        assert "1 known" in result.stdout
    with cli.serve() as url:
        result = cli("run", "--url", url, "--profile", file, "--transport", "http")
        assert result.returncode == 1
        assert "no longer broken" in result.stdout
        narrowed = cli("run", "--url", url, "--profile", file, "--only", "auth.401")
        assert narrowed.returncode == 0


def test_a_known_requirement_excuses_its_scenarios_and_its_findings(cli: Cli, tmp_path: Path) -> None:
    file = profile(tmp_path, '[[known]]\nrequirements = ["error.excludes-other-fields"]\nbecause = "so"\n')
    with cli.serve("--deviation", "error.excludes-other-fields") as url:
        only = ("--only", "bad-request.*", "--only", "error.*")
        result = cli("run", "--url", url, "--profile", file, "--transport", "http", *only)
    assert result.returncode == 0, result.stdout
    assert " failed" not in result.stdout.splitlines()[-3]
    assert re.search(r"^known .* error\.excludes-other-fields", result.stdout, re.MULTILINE)


def test_a_known_requirement_that_only_a_scenario_shows_is_not_outdated(cli: Cli, tmp_path: Path) -> None:
    file = profile(tmp_path, '[[known]]\nrequirements = ["sequence.server-report-full-state"]\nbecause = "so"\n')
    with cli.serve("--deviation", "sequence.server-report-full-state") as url:
        result = cli("run", "--url", url, "--profile", file, "--transport", "http")
    assert result.returncode == 0, result.stdout
    assert "remove it" not in result.stdout


def test_unsupported_requirements_are_not_applicable(cli: Cli, tmp_path: Path) -> None:
    text = '[[unsupported]]\nrequirements = ["fleet.request-uid.*"]\nbecause = "it is older"\nlink = "https://example.com"\n'
    result = run(cli, "--profile", profile(tmp_path, text), "--only", "fleet.request-uid.echo")
    assert result.returncode == 0
    assert "2 not applicable" in result.stdout
    assert "it is older (https://example.com)" in result.stdout


def test_a_profile_chooses_the_contract_and_its_version(cli: Cli, tmp_path: Path) -> None:
    text = 'contract = "fleet"\nnewest = "2.0"\n' + known(*ECHO, more=f'versions = "<2.0"\n{EVERYWHERE}')
    with cli.serve("--deviation", "fleet.request-uid.echo") as url:
        arguments = ("run", "--url", url, "--profile", profile(tmp_path, text), "--only", "fleet.request-uid.*")
        assert cli(*arguments).returncode == 1
        assert cli(*arguments, "--server-version", "1.9-SNAPSHOT").returncode == 0
        assert "version" in one_line(cli(*arguments, "--server-version", "newest"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            known("sequence.server-report-full-state.one-mising"),
            "'sequence.server-report-full-state.one-missing'",
        ),
        (known("sequence.server-report-full-state.one-missing", more='versions = "new"'), "Invalid specifier"),
        (known("sequence.server-report-full-state.one-missing", more='versions = [">=9.5"]'), "versions"),
        (known("sequence.server-report-full-state.one-missing", more='transport = "mail"'), "transport"),
        (known("ws.roles.compression", more='transport = "http"'), "over http"),
        ('[[known]]\nscenarios = ["sequence.server-report-full-state.one-missing"]\n', "reason"),
        ('[[known]]\nbecause = "so"\n', "scenarios or requirements"),
        ('[[known]]\nrequirements = ["error.*"]\nbecause = "so"\n', "'error.*'"),
        ('[[unsupported]]\nrequirements = ["nothing.*"]\nbecause = "so"\n', "'nothing.*'"),
        ('[[unsupported]]\nbecause = "so"\n', "transport"),
        ("known = [[]]\n", "tables"),
        ('contract = "all of it"\n', "contract"),
        ("colour = 1\n", "newest"),
        ("[[known\n", "TOML"),
    ],
)
def test_an_invalid_profile_is_an_error(cli: Cli, tmp_path: Path, text: str, expected: str) -> None:
    file = profile(tmp_path, text)
    with pytest.raises(InconclusiveError):
        load_profile(str(file))
    result = cli.in_process("run", "--profile", file)
    assert result.returncode == 2
    assert expected in one_line(result)


def test_a_missing_profile_is_an_error(cli: Cli) -> None:
    result = cli.in_process("run", "--profile", "fleet-sever")
    assert result.returncode == 2
    assert "(fleet-server)" in one_line(result)


def test_the_built_in_profile_depends_on_the_version() -> None:
    assert names() == ["fleet-server"]
    profile = load_profile("fleet-server")

    def scenarios(version: str | None) -> set[str]:
        return {name for exemption in profile.at(version).exemptions for name in exemption.scenarios}

    assert "fleet.request-uid.known-agent.full-report" in scenarios("9.4.5")
    assert "fleet.request-uid.known-agent.full-report" not in scenarios("9.5.0")
    assert "sequence.server-report-full-state.one-missing" in scenarios("9.4.1")
    assert "sequence.server-report-full-state.one-missing" not in scenarios("9.4.0")
    assert scenarios(None) == scenarios("9.6.0") == scenarios("9.5.0-SNAPSHOT")
    assert any(exemption.kind is Kind.UNSUPPORTED for exemption in profile.exemptions)


def flaky(*scenarios: str) -> str:
    return f'[[flaky]]\nscenarios = {json.dumps(scenarios)}\nbecause = "of a race"\n{EVERYWHERE}\n'


def test_a_flaky_scenario_may_fail_and_may_pass(cli: Cli, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    file = profile(tmp_path, flaky(*ECHO, "fleet.disconnect.enrolled.plain"))
    with cli.serve("--deviation", "fleet.request-uid.echo") as url:
        arguments = ("--url", url, "--contract", "fleet", "--profile", file, "--junit", junit, "--transport", "http")
        result = cli("run", *arguments, "--only", "fleet.request-uid.echo", "--only", "fleet.disconnect.enrolled.*")
    assert result.returncode == 0, result.stdout
    assert re.search(r"conformant: \d+ passed, 3 flaky in", result.stdout)
    assert "of a race" in result.stdout
    assert 'value="flaky"' in junit.read_text()


def test_a_flaky_requirement_excuses_findings(cli: Cli, tmp_path: Path) -> None:
    file = profile(tmp_path, '[[flaky]]\nrequirements = ["error.excludes-other-fields"]\nbecause = "so"\n')
    with cli.serve("--deviation", "error.excludes-other-fields") as url:
        arguments = ("--url", url, "--profile", file, "--only", "bad-request.respond.not-protobuf")
        result = cli("run", *arguments)
        without = cli("run", "--url", url, "--profile", file, "--only", "response.must-respond.check-ins")
    assert result.returncode == 0, result.stdout
    assert re.search("^flaky .*error.excludes-other-fields", result.stdout, re.MULTILINE)
    assert without.returncode == 0


def test_repeated_runs_show_what_came_out_differently(cli: Cli, tmp_path: Path) -> None:
    """The server announces its capabilities only in its first replies."""
    requests = 0

    def behave(connection: socket.socket) -> None:
        nonlocal requests
        while request := read_request(connection):
            requests += b"AgentDescription" in request or b"service.name" in request
            reply = pb.ServerToAgent.FromString(acknowledgement(request))
            reply.capabilities = 1 if requests < 5 else 0
            respond(connection, reply.SerializeToString())

    with BadServer(behave) as server:
        arguments = ("--url", server.url, "--transport", "http", "--only", "capabilities.server.accepts-status-bit")
        result = cli("run", *arguments, "--repeat", 3, "--jsonl", tmp_path / "run.jsonl")
    assert result.returncode == 1
    assert result.stdout.count("conformant: ") == 3
    assert "2 came out differently in 3 runs:\n  capabilities.server.accepts-status-bit (http): " in result.stdout
    assert (tmp_path / "run.jsonl").read_text().count("RunStarted") == 1


def test_a_known_failure_is_known_only_by_what_came(cli: Cli, tmp_path: Path) -> None:
    """A server whose known failure becomes another one is not excused."""
    pinned = known(*ECHO, more='actual = "*another instance_uid*"')
    result = run(cli, "--profile", profile(tmp_path, pinned), "--only", "fleet.request-uid.echo")
    assert result.returncode == 1
    assert "the profile expects another failure: of issue 123" in result.stdout
    uid = "?" * 32
    result = run(cli, "--profile", profile(tmp_path, known(*ECHO, more=f'actual = "{uid}"')), "--only", ECHO[0])
    assert "conformant: 2 known" in result.stdout


def test_a_known_requirement_is_known_only_by_what_came(cli: Cli, tmp_path: Path) -> None:
    entry = '[[known]]\nrequirements = ["error.excludes-other-fields"]\nbecause = "so"\nactual = "also {}"\n'
    with cli.serve("--deviation", "error.excludes-other-fields") as url:
        arguments = ("run", "--url", url, "--transport", "http", "--only", "bad-request.*")
        assert cli(*arguments, "--profile", profile(tmp_path, entry.format("flags"))).returncode == 1
        assert cli(*arguments, "--profile", profile(tmp_path, entry.format("custom_capabilities"))).returncode == 0


def test_an_unsupported_part_that_the_server_announces_is_outdated(cli: Cli, tmp_path: Path) -> None:
    text = '[[unsupported]]\nrequirements = ["packages.*"]\nbecause = "it has no packages"\n'
    with cli.serve() as url:
        arguments = ("run", "--url", url, "--profile", profile(tmp_path, text), "--transport", "http")
        result = cli(*arguments)
        assert result.returncode == 1
        assert "the server announces OffersPackages: remove the entry" in result.stdout
        assert cli(*arguments, "--only", "auth.401").returncode == 0


def reply_with(sign: str) -> pb.ServerToAgent:
    """Return a reply that shows one sign of support, as parts of a message."""
    settings, name = pb.ConnectionSettingsOffers, sign.rpartition(" ")[2]
    if sign.startswith("announces "):
        return pb.ServerToAgent(capabilities=pb.ServerCapabilities.Value(f"ServerCapabilities_{name}"))
    offers = {
        "sends connection_settings": settings(),
        "sends connection_settings.opamp": settings(opamp=pb.OpAMPConnectionSettings()),
        "sends connection_settings for own telemetry": settings(own_metrics=pb.TelemetryConnectionSettings()),
        "sends connection_settings.other_connections": settings(other_connections={"a": pb.OtherConnectionSettings()}),
        "sends a certificate": settings(opamp=pb.OpAMPConnectionSettings(certificate=pb.TLSCertificate())),
    }
    if sign in offers:
        return pb.ServerToAgent(connection_settings=offers[sign])
    return {
        "sends remote_config": pb.ServerToAgent(remote_config=pb.AgentRemoteConfig()),
        "sends packages_available": pb.ServerToAgent(packages_available=pb.PackagesAvailable()),
        "sends a command": pb.ServerToAgent(command=pb.ServerToAgentCommand()),
        "sends custom_capabilities or a custom_message": pb.ServerToAgent(
            custom_capabilities=pb.CustomCapabilities(capabilities=["io.example"])
        ),
        "sets ReportAvailableComponents": pb.ServerToAgent(flags=pb.ServerToAgentFlags_ReportAvailableComponents),
        "answers RequestInstanceUid with a new_instance_uid": pb.ServerToAgent(
            agent_identification=pb.AgentIdentification(new_instance_uid=bytes(16))
        ),
    }[sign]


REQUEST = pb.AgentToServer(flags=pb.AgentToServerFlags_RequestInstanceUid)


@pytest.mark.parametrize("sign", REQUIREMENTS)
def test_a_sign_of_support_makes_each_chapter_about_it_outdated(tmp_path: Path, sign: str) -> None:
    assert sign in signs(REQUEST, reply_with(sign))
    for requirement in REQUIREMENTS[sign]:
        chapter = f"{requirement.rpartition('.')[0]}.*"
        text = f'[[unsupported]]\nrequirements = ["{chapter}"]\nbecause = "so"\n'
        assert sign in load_profile(str(profile(tmp_path, text))).unsupported_signs()
        one_transport = load_profile(str(profile(tmp_path, f'{text}transport = "websocket"\n')))
        assert one_transport.unsupported_signs() == {}


def test_a_server_that_supports_nothing_shows_no_sign_of_it() -> None:
    plain = pb.ServerToAgent(capabilities=pb.ServerCapabilities_AcceptsStatus, flags=1)
    plain.custom_capabilities.SetInParent()
    plain.agent_identification.new_instance_uid = bytes(16)
    assert list(signs(pb.AgentToServer(), plain)) == []
    assert list(signs(None, plain)) == []


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        (["custom.*"], "the server sends custom_capabilities or a custom_message"),
        (["package-status.*"], "the server announces AcceptsPackagesStatus"),
        (["fleet.request-uid.*", "identification.request-uid.*"], "the server answers RequestInstanceUid"),
    ],
)
def test_an_unsupported_part_that_the_server_uses_is_outdated(
    cli: Cli, tmp_path: Path, requirements: list[str], expected: str
) -> None:
    text = f'[[unsupported]]\nrequirements = {json.dumps(requirements)}\nbecause = "it has none"\n'
    with cli.serve("--contract", "fleet") as url:
        arguments = ("run", "--url", url, "--profile", profile(tmp_path, text), "--transport", "http")
        result = cli(*arguments, "--contract", "all")
    assert result.returncode == 1
    assert expected in result.stdout
    assert "remove the entry from the profile" in result.stdout


def test_a_version_can_be_part_of_the_name() -> None:
    pinned = load_profile("fleet-server@9.4.5")
    expected = load_profile("fleet-server").at("9.4.5").exemptions
    assert pinned.at(None).exemptions == pinned.at("9.5.3").exemptions == expected
    assert pinned.name == "fleet-server@9.4.5"
    assert load_profile("fleet-server@9.4").at(None).exemptions == expected
    assert load_profile("fleet-server").at("9.4").exemptions == expected
    with pytest.raises(InconclusiveError, match="is not a version"):
        load_profile("fleet-server@new")


def test_the_built_in_profile_knows_exactly_what_a_real_fleet_server_breaks() -> None:
    """What came is compared, too: the file is that of a real run."""
    events = list(read_events(ROOT / "reports/0.18/fleet-server/main-dc8e23079/run.jsonl"))
    built_in = load_profile("fleet-server").at("9.5.3")
    scenarios = {one.key: one.excuse for one in built_in.exempt(load_catalogue().cases()) if one.kind is Kind.KNOWN}
    known = [event for event in events if isinstance(event, ScenarioFinished | FindingBooked) and event.known_because]
    for event in known:
        is_finding = isinstance(event, FindingBooked)
        excuse = built_in.findings(Kind.KNOWN)[event.requirement] if is_finding else scenarios[event.key]
        assert excuse.actual
        assert excuse.covers(event.actual)
    named = {key for entry in built_in.exemptions if entry.kind is Kind.KNOWN for key in entry.scenarios}
    assert {event.key for event in known if isinstance(event, ScenarioFinished)} == named
    assert {event.verdict for event in events if isinstance(event, ScenarioFinished)} & {
        Verdict.FAILED,
        Verdict.WARNED,
        Verdict.BLOCKED,
        Verdict.ERROR,
    } == set()
