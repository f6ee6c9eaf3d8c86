"""Load tests, run by ``opamp-conformance load`` and by ``locust`` on local servers."""

import csv
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from opamp_conformance import resources
from opamp_mock_server import DEVIATIONS, Limits, MockServer, Settings
from support.bad_server import BadServer
from support.command_line import Cli, interruptible, one_line
from support.fault_injection import free_port
from support.http_requests import metric
from support.peers import running
from support.recorded_fleet_server import RecordedFleetServer

# Do not import locust here: it patches the standard library of its process.
pytestmark = pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="locust is not installed")


def load(cli: Cli, server: MockServer, scenario: str, folder: Path, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Run a scenario; returns the exit code, and the results as JSON."""
    path = folder / "results.json"
    result = cli("load", scenario, "--url", server.url, "--json", path, *arguments)
    assert result.stderr == ""
    results = json.loads(path.read_text())
    assert result.stdout.rstrip().endswith(results["verdict"])
    assert result.returncode == results["exit_code"]
    return result.returncode, results


@pytest.mark.parametrize("transport", ["http", "websocket"])
def test_enrollment(cli: Cli, tmp_path: Path, transport: str) -> None:
    page = tmp_path / "results.html"
    with MockServer() as server:
        arguments = ("--agents", 1500, "--transport", transport, "--html", page)
        code, results = load(cli, server, "enrollment", tmp_path, *arguments)
        assert metric(server, "opamp_agents") == 1500
        assert metric(server, 'opamp_message_seconds_count{kind="enrollment"}') == 1500
    assert code == 0
    assert results["enrolled"] == results["enrollments"] == results["messages"] == 1500
    assert sum(second["enrollments"] for second in results["seconds"]) == 1500
    assert results["violations"] == results["failures"] == {}
    assert 0 < results["measures"]["p50"] <= results["measures"]["p99"] <= results["measures"]["max"]
    html = page.read_text()
    assert "1,500 of 1,500 agents" in html
    assert html.count("<svg") == 3
    assert results["kinds"]["enrollment"]["count"] == 1500
    for fact in ("began", "version", "machine", "options"):
        assert results["facts"][fact]
        assert fact in html
    assert "//" not in re.sub(r"http://127\.0\.0\.1:\d+/v1/opamp", "", html)  # The page loads nothing from the network.


def test_enrollment_with_a_ramp(cli: Cli, tmp_path: Path) -> None:
    with MockServer() as server:
        code, results = load(cli, server, "enrollment", tmp_path, "--agents", 300, "--ramp", "3s")
    assert code == 0
    assert results["measures"]["enrolled_in"] > 2.9
    assert len([second for second in results["seconds"] if second["enrollments"]]) >= 3


def test_the_duration_begins_when_the_fleet_is_complete(cli: Cli, tmp_path: Path) -> None:
    with MockServer() as server:
        arguments = ("--stages", "50@2s,100@1s,100@1s", "--duration", "2s", "--interval", "1s")
        code, results = load(cli, server, "steady", tmp_path, *arguments)
    assert code == 0
    assert results["agents"] == results["enrolled"] == 100
    assert 2.9 < results["measures"]["enrolled_in"] < 15
    assert 5 <= results["seconds"][-1]["at"] <= 20


@pytest.mark.parametrize("scenario", ["steady", "restart_storm", "churn", "mixed"])
def test_every_scenario(cli: Cli, tmp_path: Path, scenario: str) -> None:
    with MockServer() as server:
        arguments = ("--agents", 300, "--interval", "1s", "--duration", "4s")
        code, results = load(cli, server, scenario, tmp_path, *arguments)
        kept = metric(server, "opamp_agents")
        left = metric(server, 'opamp_message_seconds_count{kind="disconnect"}')
    assert code == 0, (results["verdict"], results["failures"], results["violations"])
    assert results["enrolled"] == 300
    assert results["messages"] > 400
    assert not results["violations"]
    assert bool(results["recoveries_seconds"]) is (scenario == "restart_storm")
    assert (results["enrollments"] > 310) is (scenario == "churn")
    if scenario != "mixed":  # In mixed, agents disconnect at random.
        assert bool(left) is (scenario == "churn")
    assert kept >= results["enrollments"]


def test_a_breach_under_load_is_reported_with_an_example(cli: Cli, tmp_path: Path) -> None:
    deviations = (DEVIATIONS["fleet.request-uid.echo"],)
    with MockServer(Settings(deviations=deviations, enrollment_keys=("sesame-open",))) as server:
        arguments = ("--agents", 100, "--header-env", "Authorization=OPAMP_LOAD_KEY", "--json", tmp_path / "out.json")
        env = {"OPAMP_LOAD_KEY": "ApiKey sesame-open"}
        result = cli("load", "enrollment", "--url", server.url, "--html", tmp_path / "out.html", *arguments, env=env)
    assert result.returncode == 1
    assert "100 × MUST fleet.request-uid.echo" in result.stdout
    assert "https://github.com/elastic/fleet-server/pull/6834" in result.stdout
    assert "agent_identification:" in result.stdout
    assert result.stdout.rstrip().endswith("failed: violations>0 (100)")
    results = json.loads((tmp_path / "out.json").read_text())
    assert results["violations"]["fleet.request-uid.echo"]["count"] == 100
    for text in (result.stdout, (tmp_path / "out.json").read_text(), (tmp_path / "out.html").read_text()):
        assert "sesame" not in text


def test_throttled_agents_wait_and_are_no_failures(cli: Cli, tmp_path: Path) -> None:
    with MockServer(Settings(limits=Limits(enrollment_rate=50))) as server:
        arguments = ("--agents", 300, "--duration", "3s", "--fail-if", "failures>0", "--fail-if", "violations>0")
        code, results = load(cli, server, "enrollment", tmp_path, *arguments)
        assert metric(server, 'opamp_shed_total{limit="enrollment_rate"}') == results["measures"]["throttled"]
    assert code == 0
    assert results["measures"]["throttled"] == 300 - results["enrolled"] > 100
    assert results["messages"] == 300  # No agent retried too early.
    assert results["throttled_waits_seconds"] > 100 * 29


def test_conditions_set_the_exit_code(cli: Cli, tmp_path: Path) -> None:
    with MockServer() as server:
        code, results = load(cli, server, "enrollment", tmp_path, "--agents", 50, "--fail-if", "p50>0us")
    assert code == 1
    assert results["verdict"].startswith("failed: p50>0us (")


def test_several_processes_share_one_fleet(cli: Cli, tmp_path: Path) -> None:
    with MockServer() as server:
        code, results = load(cli, server, "enrollment", tmp_path, "--agents", 1001, "--processes", 2)
        assert metric(server, "opamp_agents") == 1001
        assert metric(server, 'opamp_message_seconds_count{kind="enrollment"}') == 1001
    assert code == 0
    assert results["enrolled"] == results["messages"] == 1001
    assert sum(second["messages"] for second in results["seconds"]) == 1001


def test_a_new_instance_uid_for_two_processes_is_found(cli: Cli, tmp_path: Path) -> None:
    with MockServer(Settings(deviations=(DEVIATIONS["fleet.new-uid.unique"],))) as server:
        code, results = load(cli, server, "enrollment", tmp_path, "--agents", 2, "--processes", 2)
    assert code == 1
    assert "two workers" in results["violations"]["fleet.new-uid.unique"]["sample"]


def test_killed_workers_are_reported_and_do_not_stop_the_run() -> None:
    """A worker that replaces a killed one gets no agents: all agents are already assigned."""
    port = free_port()
    file = resources.folder("loadtests") / "steady.py"
    worker = [sys.executable, "-m", "locust", "-f", file, "--worker", "--master-port", port, "--loglevel", "ERROR"]
    with MockServer() as server:
        master = [
            *(sys.executable, "-m", "locust", "-f", file, "--master", "--headless", "--host", server.url),
            *("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "3"),
            *("--agents", "100", "--interval", "1s", "-t", "13s", "--only-summary", "--loglevel", "ERROR"),
        ]
        with (
            running(master) as master_process,
            running(worker) as killed,
            running(worker) as terminated,
            running(worker),
        ):
            assert master_process.stdout is not None
            deadline = time.monotonic() + 60
            while metric(server, "opamp_agents") < 100:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            time.sleep(4)  # Until the workers have reported their enrollments.
            killed.kill()
            terminated.terminate()
            with running(worker):
                output = master_process.stdout.read()
                assert master_process.wait(30) == 0
        assert metric(server, "opamp_agents") == 100
    assert "100 of 100 agents" in output
    assert output.count("lost: worker") == 2
    assert "Traceback" not in output


def test_a_server_that_restarts(cli: Cli, tmp_path: Path) -> None:
    """Agents fail while the server is down. Then each of them enrolls with a server that knows no agents."""
    first = MockServer()
    port = urlsplit(first.url).port or 0
    results: list[tuple[int, dict[str, Any]]] = []

    def run_load_test() -> None:
        arguments = ("--agents", 100, "--interval", "1s", "--duration", "9s", "--fail-if", "violations>0")
        results.append(load(cli, first, "steady", tmp_path, *arguments))

    thread = threading.Thread(target=run_load_test)
    with first:
        thread.start()
        deadline = time.monotonic() + 60
        while metric(first, "opamp_agents") < 100:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    time.sleep(1)
    with MockServer(Settings(port=port)) as second:
        thread.join()
        assert metric(second, "opamp_agents") == 100
    [(code, reported)] = results
    assert code == 0
    assert reported["measures"]["failures"] > 0
    assert all(re.search("refused|closed", failure) for failure in reported["failures"])


def test_terminated_processes_report_all_messages(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with MockServer() as server:
        command = [sys.executable, "-m", "opamp_conformance", "load", "steady", "--url", server.url, "--agents", "300"]
        users = 32
        options = ["--interval", "1s", "--processes", "2", "--users", str(users), "--json", str(out)]
        process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + 60
        while metric(server, "opamp_agents") < 300:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
        kinds = ("check_in", "enrollment")
        served = sum(metric(server, f'opamp_message_seconds_count{{kind="{kind}"}}') for kind in kinds)
    reported = json.loads(out.read_text())["messages"]
    assert served - users <= reported <= served  # Each user may have had one reply in transit.


def test_an_interrupted_load_test_prints_its_summary(cli: Cli) -> None:
    with MockServer() as server:
        command = [sys.executable, "-m", "opamp_conformance", "load", "steady", "--url", server.url, "--agents", "100"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=interruptible
        )
        with process:
            deadline = time.monotonic() + 60
            while metric(server, "opamp_agents") < 10:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            os.kill(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert process.returncode == 1  # Not all agents were enrolled.
    assert "of 100 agents" in out
    assert err == ""


# ---- Locust itself


def test_locust_runs_a_locustfile(tmp_path: Path) -> None:
    with MockServer() as server:
        command = [
            *(sys.executable, "-m", "locust", "-f", str(resources.folder("loadtests") / "enrollment.py")),
            *("--headless", "-u", "4", "--host", server.url, "--agents", "200"),
            *("--csv", str(tmp_path / "out"), "--html", str(tmp_path / "out.html")),
        ]
        result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    with (tmp_path / "out_stats.csv").open() as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    assert rows["enrollment"]["Request Count"] == "200"
    assert rows["enrollment"]["Failure Count"] == "0"
    assert (tmp_path / "out.html").stat().st_size > 10_000
    assert result.stdout.rstrip().endswith("passed")


# ---- invalid options and servers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["enrolment", "--url", "http://127.0.0.1:1"], "'enrollment'"),
        (["enrollment", "--url", "http://192.0.2.1"], "--i-may-load-this-host"),
        (["enrollment", "--url", "ftp://127.0.0.1"], "URL"),
        (["enrollment", "--url", "http://127.0.0.1:1", "--fail-if", "p98>1s"], "'p98'"),
        (["enrollment", "--url", "http://127.0.0.1:1", "--interval", "soon"], "soon"),
        (["enrollment", "--url", "http://127.0.0.1:1", "--header", "nonsense"], "--header"),
        (["mixed", "--url", "http://127.0.0.1:1", "--mix", "/nonexistent"], "/nonexistent"),
        (["steady", "--url", "http://127.0.0.1:1", "--html", "/nonexistent/x.html"], "/nonexistent/x.html"),
        (["steady", "--url", "http://127.0.0.1:1", "--duration", "long"], "long"),
        (["steady", "--url", "http://127.0.0.1:1", "--users", "1", "--processes", "2"], "users"),
    ],
)
def test_invalid_options(cli: Cli, arguments: list[str], message: str) -> None:
    result = cli("load", *arguments)
    assert result.returncode == 2
    assert message in one_line(result)
    assert result.stdout == ""


def test_a_closed_port(cli: Cli) -> None:
    port = free_port()
    result = cli("load", "enrollment", "--url", f"http://127.0.0.1:{port}", "--agents", "10")
    assert result.returncode == 2
    assert "Connection refused" in result.stdout


def test_a_server_that_does_not_speak_opamp(cli: Cli) -> None:
    def web(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")

    with BadServer(web) as server:
        result = cli("load", "enrollment", "--url", server.url, "--agents", "10")
    assert result.returncode == 2
    assert "no OpAMP reply" in result.stdout


def test_the_limit_of_enrollments_of_a_fleet_server_is_no_breach_with_its_profile(cli: Cli) -> None:
    """The command of docs/fleet-server.md, with recorded replies. The agent that is refused waits for 30 seconds."""
    conditions = ("--fail-if", "violations>0", "--fail-if", "not_enrolled>0")
    arguments = ("--contract", "fleet", "--agents", 20, "--profile", "fleet-server", *conditions)
    with RecordedFleetServer(enrollments=15) as server:
        result = cli("load", "enrollment", "--url", server.url, *arguments)
        assert server.refused == 1
    assert result.returncode == 0, result.stdout
    assert "1 × implied error.excludes-other-fields" in result.stdout
    assert "known: every reply has custom_capabilities, even an error" in result.stdout


def test_known_breaches_of_a_profile_do_not_fail_a_load_test(cli: Cli, tmp_path: Path) -> None:
    profile = tmp_path / "ours.toml"
    known = 'requirements = ["fleet.request-uid.echo"]\nbecause = "of issue 123"\n'
    with MockServer(Settings(deviations=(DEVIATIONS["fleet.request-uid.echo"],))) as server:
        arguments = ("load", "enrollment", "--url", server.url, "--agents", 50)
        assert cli(*arguments).returncode == 1
        for other in (
            'scenarios = ["fleet.request-uid.echo.unknown-agent"]\nbecause = "so"',
            f'{known}actual = "none"',
        ):
            profile.write_text(f"[[known]]\n{other}\n")
            assert cli(*arguments, "--profile", profile).returncode == 1
        profile.write_text(f"[[known]]\n{known}")
        result = cli(*arguments, "--profile", profile)
        assert result.returncode == 0, result.stdout
        assert "50 × MUST fleet.request-uid.echo" in result.stdout
        assert "known: of issue 123" in result.stdout
        missing = cli(*arguments, "--profile", "fleet-sever")
    assert missing.returncode == 2
    assert "there is no profile" in one_line(missing)
