"""``run --agent``, ``--driver`` and ``--listen``: the commands, their mistakes, and what becomes of the agent."""

import json
import re
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree

import pytest

from opamp_conformance.scripted_server.agent_process import AgentProcess
from support.command_line import Cli, one_line
from support.fault_injection import free_port

AGENT = f"{sys.executable} -m opamp_conformance agent --url {{url}} --state {{state}} --poll 0.3"
FEW = ("--only", "identification.new-instance-uid.*", "--timeout", "20")
ADOPT = ("--only", "identification.new-instance-uid.adopt.reports", "--transport", "websocket", "--timeout", "20")


def test_the_reference_agent_as_a_command(cli: Cli, tmp_path: Path) -> None:
    junit, jsonl = tmp_path / "run.xml", tmp_path / "run.jsonl"
    result = cli("run", "--agent", AGENT, *FEW, "--junit", junit, "--jsonl", jsonl)
    assert result.returncode == 0, result.stdout
    assert " scenarios over http and websocket" in result.stdout
    assert re.search(r"^conformant: \d+ passed in", result.stdout, re.MULTILINE)
    assert {case.get("name", "").partition(" ")[0] for case in ElementTree.parse(junit).iter("testcase")}
    events = [json.loads(line) for line in jsonl.read_text().splitlines()]
    assert {event["transport"] for event in events if event["event"] == "ScenarioFinished"} == {"http", "websocket"}


def test_a_deviation_of_the_agent_fails_with_the_messages_and_the_command(cli: Cli) -> None:
    deviant = f"{AGENT} --deviation identification.new-instance-uid.adopt"
    result = cli("run", "--agent", deviant, *ADOPT)
    assert result.returncode == 1
    assert "expected  the instance_uid" in result.stdout
    assert "<-- agent_identification:" in result.stdout
    assert f"again     opamp-conformance run --agent '{deviant}' --timeout 20 " in result.stdout


def test_a_driver(cli: Cli) -> None:
    driver = f"{sys.executable} -m opamp_conformance agent --driver --poll 0.3"
    result = cli("run", "--driver", driver, "--only", "health.*", "--only", "csr.*", "--transport", "http")
    assert result.returncode == 0, result.stdout
    assert "not applicable" not in result.stdout
    without = cli("run", "--agent", AGENT, "--only", "health.last-error", "--timeout", "20")
    assert "only a driver can let the agent do 'health'" in without.stdout


def test_an_agent_that_somebody_else_starts(cli: Cli) -> None:
    port = free_port()
    url = f"ws://127.0.0.1:{port}/v1/opamp"
    command = [sys.executable, "-m", "opamp_conformance", "agent", "--url", url, "--poll", "0.3"]
    with subprocess.Popen(command) as agent:
        try:
            result = cli("run", "--listen", f"127.0.0.1:{port}", *FEW)
        finally:
            agent.terminate()
    assert result.returncode == 0, result.stdout
    assert re.search(r"^conformant: \d+ passed, 1 not applicable in", result.stdout, re.MULTILINE)
    assert "the suite has not started the agent, so it cannot stop it" in result.stdout
    assert agent.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--agent", "no-such-agent"), "the agent 'no-such-agent' cannot be started: No such file or directory"),
        (("--agent", ""), "the command of the agent is empty"),
        (("--agent", "'"), "the command of the agent cannot be read: No closing quotation"),
        (("--agent", "x", "--driver", "y"), "--agent, --driver and --listen name an agent each: give one of them"),
        (("--listen", "4320"), "--listen is written HOST:PORT, such as 127.0.0.1:4320"),
        (("--agent", "x", "--url", "http://127.0.0.1:1"), "--url is about a server: leave it out to grade an agent"),
        (("--agent", "x", "--explore", "5s"), "--explore is about a server: leave it out to grade an agent"),
        (("--driver", "cat"), "the driver does not write its verbs within"),
        (("--driver", "echo x"), "the driver writes a line that is no JSON object: 'x'"),
        (("--driver", "true"), "the driver has ended before it wrote its verbs"),
        (("--driver", "echo '{}'"), 'the driver\'s first line is not {"verbs": […]} with start and stop'),
    ],
)
def test_mistakes_are_told_in_one_line(cli: Cli, arguments: tuple[str, ...], expected: str) -> None:
    result = cli.in_process("run", *arguments)
    assert result.returncode == 2
    assert expected in one_line(result)


def test_an_agent_that_ends_at_once_is_told_with_its_last_lines(cli: Cli) -> None:
    result = cli("run", "--agent", f"{sys.executable} -c 'print(1 + 1); raise SystemExit(3)'", timeout=600)
    assert result.returncode == 2
    assert "the agent does not report: http: expected a first message; got the agent has ended; its last lines: 2" in (
        one_line(result)
    )


def test_a_driver_that_accepts_everything_is_told(cli: Cli, tmp_path: Path) -> None:
    yes = tmp_path / "yes.py"
    yes.write_text(
        "import json, sys\n"
        "print(json.dumps({'verbs': ['start', 'stop']}), flush=True)\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps({'id': json.loads(line)['id'], 'ok': True}), flush=True)\n"
    )
    result = cli("run", "--driver", f"{sys.executable} {yes}", timeout=600)
    assert result.returncode == 2
    assert "the driver accepts a verb that does not exist" in one_line(result)


def test_the_children_of_an_agent_end_with_it(tmp_path: Path) -> None:
    child = "import subprocess, sys; subprocess.Popen(['sleep', '60']); print('ready', flush=True); sys.stdin.read()"
    script = tmp_path / "parent.py"
    script.write_text(f"import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{child}\ntime.sleep(60)\n")
    agent = AgentProcess(f"{sys.executable} {script}", "http://127.0.0.1:1", tmp_path)
    agent.start()
    assert agent.is_running
    agent.kill()
    assert not agent.is_running
    assert agent.wait(1)


def test_the_agents_of_the_command_agent(cli: Cli) -> None:
    listed = cli("agent", "--list-deviations")
    assert listed.returncode == 0
    assert "identification.new-instance-uid.adopt\n    The agent ignores a new instance_uid." in listed.stdout
    for arguments, expected in (
        (("--deviation", "identification.new-uid"), "the agent has no deviation 'identification.new-uid'"),
        (("--url", "ftp://x"), "a URL begins with http, https, ws or wss, and has a host"),
        (("--count", "2", "--driver"), "--driver and --state are for one agent: leave out --count"),
        (("--config-file", "no-such-file"), "cannot read no-such-file: there is no such file"),
    ):
        result = cli("agent", *arguments)
        assert result.returncode == 2
        assert expected in one_line(result)


def test_a_profile_excuses_a_scenario_and_a_finding(cli: Cli, tmp_path: Path) -> None:
    deviant, draft = f"{AGENT} --deviation identification.new-instance-uid.adopt", tmp_path / "known.toml"
    first = cli("run", "--agent", deviant, *ADOPT, "--write-profile", draft)
    assert first.returncode == 1
    draft.write_text(draft.read_text().replace('because = ""', 'because = "it is known"'))
    second = cli("run", "--agent", deviant, *ADOPT, "--profile", draft)
    assert second.returncode == 0, second.stdout
    assert "known" in second.stdout


def test_scenarios_about_agents_are_listed(cli: Cli) -> None:
    listed = cli("list", "--subject", "agent", "identification.new-instance-uid.adopt").stdout
    assert (
        "- identification.new-instance-uid.adopt.reports: An agent adopts the instance_uid that it is given" in listed
    )
    assert (
        "not checked: for a later version of the suite: it needs a proxy over TLS"
        in cli("list", "proxy.tls-from-connection").stdout
    )


def graded_without_websocket(cli: Cli, folder: Path, instead: str) -> CompletedProcess[str]:
    """Grade the reference agent, which runs other code in place of a WebSocket."""
    script = folder / "agent.py"
    script.write_text(
        "import os, sys\n"
        f"if os.environ['OPAMP_URL'].startswith('ws'):\n    {instead}\n"
        "arguments = [sys.executable, '-m', 'opamp_conformance', 'agent', '--poll', '0.3']\n"
        "os.execv(sys.executable, arguments)\n"
    )
    return cli("run", "--agent", f"{sys.executable} {script}", "--only", "status.first-report", "--timeout", "20")


def test_an_agent_that_ends_over_one_transport_is_not_taken_for_one_without_it(cli: Cli, tmp_path: Path) -> None:
    """It opens a WebSocket, and ends; a client of plain HTTP only would not open one."""
    connect = "from websockets.sync.client import connect; connect(os.environ['OPAMP_URL'], proxy=None).socket"
    result = graded_without_websocket(cli, tmp_path, f"{connect}; sys.exit('a defect')")
    assert result.returncode == 1, result.stdout
    assert "the agent has ended; its last lines: a defect" in result.stdout


def test_an_agent_without_a_transport_is_graded_without_it_and_that_is_told(cli: Cli, tmp_path: Path) -> None:
    result = graded_without_websocket(cli, tmp_path, "sys.exit('no WebSocket here')")
    assert result.returncode == 0, result.stdout
    assert "the agent does not report over each transport, and is graded without it: websocket:" in one_line(result)
    assert "no WebSocket here" in one_line(result)
