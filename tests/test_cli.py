"""The command line, run as a user runs it."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from opamp_conformance.ledger.ledger import load_ledger
from opamp_conformance.ledger.versions import DEFAULT_VERSION
from opamp_conformance.suite.catalogue import load_both_sides, load_catalogue
from support.command_line import Cli

SECRET = "c2VjcmV0LWtleQ"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("", {"run", "serve", "agent", "watch", "load", "report", "diff", "matrix", "badge", "book", "list", "ledger"}),
        ("run --only fleet.request-uid.e", {"fleet.request-uid.every-time", "fleet.request-uid.echo"}),
        ("run --profile f", {"fleet-server"}),
        ("serve --deviation fleet.request-uid.ec", {"fleet.request-uid.echo"}),
        ("load s", {"steady"}),
        ("load steady --fail", {"--fail-if"}),
    ],
)
def test_shell_completion(cli: Cli, typed: str, completed: set[str]) -> None:
    command_line = f"opamp-conformance {typed}"
    count = len(command_line.split(" ")) - 1
    env = {"_OPAMP_CONFORMANCE_COMPLETE": "bash_complete", "COMP_WORDS": command_line, "COMP_CWORD": str(count)}
    result = cli(env=env)
    assert result.returncode == 0
    assert {line.partition(",")[2] for line in result.stdout.splitlines()} == completed


def test_the_completion_script(cli: Cli) -> None:
    result = cli(env={"_OPAMP_CONFORMANCE_COMPLETE": "bash_source"})
    assert "_opamp_conformance_completion" in result.stdout


def test_a_plain_server_conforms_to_the_contract_opamp_but_not_fleet(cli: Cli) -> None:
    with cli.serve("--contract", "opamp") as url:
        assert cli("run", "--url", url).returncode == 0
        assert cli("run", "--url", url, "--contract", "fleet", "--only", "fleet.*").returncode == 1


def test_a_failure_has_all_details_and_can_be_reproduced(cli: Cli) -> None:
    with cli.serve("--deviation", "fleet.request-uid.echo", "--enrollment-key", SECRET) as url:
        env = {"AUTHORIZATION": f"ApiKey {SECRET}"}
        result = cli(
            *("run", "--target", url, "--contract", "all", "--header-env", "Authorization=AUTHORIZATION"),
            *("--only", "fleet.request-uid.*", "--only", "auth.*"),
            env=env,
        )
        assert result.returncode == 1
        failure = result.stdout.partition(" fleet.request-uid.echo.unknown-agent: ")[2].partition("\nfailed")[0]
        assert "requires  fleet.request-uid.echo" in failure
        assert "see       https://github.com/elastic/fleet-server/pull/6834" in failure
        assert re.search(r"expected  the instance_uid [0-9a-f]{32}\n", failure)
        assert re.search(r"actual    [0-9a-f]{32}\n", failure)
        assert "<-- agent_identification:" in failure
        assert re.search(r"<-- \[0a10[0-9a-f]+\]", failure)
        assert SECRET not in result.stdout

        again = shlex.split(re.findall("again +(opamp-conformance .*)", failure)[0])
        assert cli(*again[1:], env=env).returncode == 1


def test_a_secret_of_the_command_line_is_not_in_the_output(cli: Cli, tmp_path: Path) -> None:
    files = [tmp_path / "out.xml", tmp_path / "out.jsonl"]
    with cli.serve("--deviation", "identification.s2a-matches", "--enrollment-key", SECRET) as url:
        header = f"Authorization: ApiKey {SECRET}"
        result = cli(
            "run",
            "--url",
            url,
            "--header",
            header,
            "--junit",
            files[0],
            "--jsonl",
            files[1],
            "--only",
            "identification.*",
        )
    assert result.returncode == 1
    for text in (result.stdout, result.stderr, *(file.read_text() for file in files)):
        assert SECRET not in text
    assert "--header-env Authorization=AUTHORIZATION" in result.stdout


def test_warnings_fail_a_run_only_with_strict(cli: Cli) -> None:
    with cli.serve("--deviation", "http.response-compression") as url:
        assert cli("run", "--url", url, "--only", "http.*").returncode == 0
        assert cli("run", "--url", url, "--only", "http.*", "--strict").returncode == 1


def test_selection(cli: Cli) -> None:
    result = cli("run", "--only", "fleet.disconnect.*", "--skip", "*flag*", "--only", "auth.401")
    assert result.returncode == 0
    assert result.stderr == ""
    assert len(re.findall("^passed ", result.stdout, re.MULTILINE)) == result.stdout.count("passed  ")
    keys = re.findall(r"^passed +\S+ +\w+ +(\S+): .*$", result.stdout, re.MULTILINE)
    assert "fleet.disconnect.unenrolled.plain" in keys
    assert "auth.401.wrong-credentials" in keys
    assert not [key for key in keys if "flag" in key]


def test_junit_and_json_lines(cli: Cli, tmp_path: Path) -> None:
    junit, jsonl = tmp_path / "out.xml", tmp_path / "out.jsonl"
    with cli.serve("--deviation", "capabilities.server.undefined-bits-zero") as url:
        assert cli("run", "--url", url, "--transport", "http", "--junit", junit, "--jsonl", jsonl).returncode == 1

    root = ET.parse(junit).getroot()
    cases = root.findall("testsuite/testcase")
    assert root.attrib["tests"] == str(len(cases))
    assert root.attrib["failures"] == str(len(root.findall("testsuite/testcase/failure"))) == "2"
    assert {case.attrib["classname"] for case in cases} >= {"opamp.status_reporting.http", "opamp.every message"}

    events = [json.loads(line) for line in jsonl.read_text().splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["RunStarted", "RunFinished"]
    assert events[0]["scenarios"] == sum(event["event"] == "ScenarioFinished" for event in events)
    failed = [event for event in events if event.get("verdict") == "failed"]
    assert {event["event"] for event in failed} == {"ScenarioFinished", "FindingBooked"}
    assert all(event["transcript"] for event in failed)


def test_list(cli: Cli) -> None:
    plain = cli("list", "--subject", "all").stdout
    listed = json.loads(cli("list", "--subject", "all", "--json").stdout)
    ledger = load_ledger(DEFAULT_VERSION)
    assert [entry["id"] for entry in listed["requirements"]] == list(ledger)
    assert {entry["key"] for entry in listed["scenarios"]} == set(load_both_sides())
    for requirement in ledger.values():
        assert f"{requirement.id}  " in plain
        assert requirement.link in plain


def test_list_with_patterns(cli: Cli) -> None:
    listed = json.loads(cli("list", "--json", "fleet.request-uid.e*", "auth.401").stdout)
    assert [entry["id"] for entry in listed["requirements"]] == [
        name for name in load_ledger() if name.startswith("fleet.request-uid.e") or name == "auth.401"
    ]
    assert all(set(entry["requirements"]) & {r["id"] for r in listed["requirements"]} for entry in listed["scenarios"])


@pytest.mark.parametrize("command", ["run", "serve", "load"])
def test_help_groups_options_by_task(cli: Cli, command: str) -> None:
    by_task, _, others = cli(command, "--help").stdout.partition("\nOptions:\n")
    assert re.findall(r"^  (-\S+)", others, re.MULTILINE) == ["-h,"]
    assert len(re.findall(r"^\S.*:$", by_task, re.MULTILINE)) >= 5
    assert "\n  opamp-conformance " in by_task


def test_list_deviations(cli: Cli) -> None:
    assert "fleet.request-uid.echo\n  The reply" in cli("serve", "--list-deviations").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_prints_its_url_and_ends_on_a_signal(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "opamp_conformance", "serve", "--port", "0", "-v"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert re.fullmatch(r"OpAMP mock server at http://127\.0\.0\.1:\d+/v1/opamp\n", line)
    url = line.split()[-1]
    unnamed = ("--only", "response.must-respond.no-header")
    subprocess.run([sys.executable, "-m", "opamp_conformance", "run", "--url", url, *unnamed], check=False)
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "agents came; broken:" in out
    assert re.search("[0-9a-f]{32} #1 agent_description capabilities health -> capabilities", err)
    assert "Traceback" not in err


def test_pytest_settings_of_the_user_have_no_effect(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nonesuch\n")
    (tmp_path / "conftest.py").write_text("raise RuntimeError\n")
    monkeypatch.chdir(tmp_path)
    assert cli("run", "--only", "auth.401", env={"PYTEST_ADDOPTS": "--nonesuch"}).returncode == 0


def plain_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False)


def test_the_suite_under_plain_pytest(cli: Cli, tmp_path: Path) -> None:
    suite = ("--pyargs", "opamp_conformance", "-q", "-rs")
    chosen = [case for case in load_catalogue().cases() if case.key.startswith("sequence.")]
    assert f"{len(chosen)} passed" in plain_pytest(tmp_path, *suite, "-k", "test_sequence_").stdout
    with cli.serve(
        "--deviation", "error.excludes-other-fields", "--deviation", "response.ack-only-instance-uid"
    ) as url:
        some = (*suite, "-k", "ack_only or protobuf or disconnect or credentials")
        result = plain_pytest(tmp_path, *some, "--opamp-url", url)
        only_fleet = (*some, "--opamp-url", url, "--opamp-contract", "fleet", "-m", "MUST")
        fleet = plain_pytest(tmp_path, *only_fleet)
        parallel_fleet = plain_pytest(tmp_path, *only_fleet, "-n", "2")
    assert result.returncode == 1
    assert "failed: error.excludes-other-fields, in" in result.stdout
    assert "OpampWarning: An acknowledgement" in result.stdout
    assert "no Authorization header" in result.stdout
    for failed_by_findings in (fleet, parallel_fleet):
        assert failed_by_findings.returncode == 1
        assert " failed" not in failed_by_findings.stdout.splitlines()[-1]
        assert "failed: error.excludes-other-fields, in" in failed_by_findings.stdout


def test_plain_pytest_with_credentials(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHORIZATION", f"ApiKey {SECRET}")
    with cli.serve("--enrollment-key", SECRET) as url:
        options = (
            "--opamp-url",
            url,
            "--opamp-header-env",
            "Authorization=AUTHORIZATION",
            "-k",
            "credentials and http",
            "-q",
        )
        result = plain_pytest(tmp_path, "--pyargs", "opamp_conformance", *options)
    assert result.returncode == 0
    assert "3 passed" in result.stdout


def test_the_plugin_does_not_affect_other_tests(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    result = plain_pytest(tmp_path, "-q", "--strict-markers")
    assert result.returncode == 0
    assert "OpAMP" not in result.stdout


def test_the_plugin_loads_nothing_into_other_sessions(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "import sys\n\n"
        "def test_own():\n"
        "    heavy = ('aiohttp', 'google.protobuf', 'opamp_mock_server.server', 'opamp_conformance.runner')\n"
        "    assert [name for name in heavy if name in sys.modules] == []\n"
    )
    own = [f"-pno:{plugin}" for plugin in ("locust", "schemathesis")]
    assert plain_pytest(tmp_path, "-q", *own).returncode == 0
    markers = plain_pytest(tmp_path, "--markers").stdout
    assert "fleet.request-uid.echo" not in markers
    assert "opamp_server(strict" in markers
    fixtures = plain_pytest(tmp_path, "--fixtures").stdout
    assert not re.search(r"^(context|agent_session) ", fixtures, re.MULTILINE)


def test_plain_pytest_without_a_server(tmp_path: Path) -> None:
    result = plain_pytest(tmp_path, "--pyargs", "opamp_conformance", "-q", "--opamp-url", "http://127.0.0.1:1")
    assert result.returncode == 2
    assert "cannot connect" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_ci_runs_the_test_command_of_the_readme() -> None:
    root = Path(__file__).parent.parent
    command = (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1]
    assert command.endswith("/tox")
    assert f"\n{command}\n" in (root / "README.md").read_text(encoding="utf-8")
