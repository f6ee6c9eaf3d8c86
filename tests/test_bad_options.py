"""Invalid options, variables and files, and signals: a command ends with one clear line and the right exit code."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import opamp_conformance.load
from opamp_mock_server import DEVIATIONS, Delays, MockServer, Settings
from support.bad_server import BadServer, acknowledgement, read_request, respond
from support.command_line import Cli, handles_signals, interruptible, one_line, wait_until
from support.http_requests import metric

# ---- options, variables and files


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "--only", "[a-" * 20_000], "is too long: at most 300"),
        (["run", "--url", "ftp://example.com"], "URL"),
        (["run", "--url", "http://"], "URL"),
        (["run", "--url", "http://[::1"], "URL"),
        (["run", "--url", "http://127.0.0.1:99999"], "URL"),
        (["run", "--url", ""], "URL"),
        (["run", "--url", "http://user:secret@127.0.0.1"], "credentials"),
        (["run", "--target", "mokc"], "did you mean 'mock'"),
        (["run", "--target", "mock", "--url", "http://127.0.0.1:1"], "--target"),
        (["run", "--header", "X-Key: 1"], "--url"),
        (["run", "--url", "http://127.0.0.1:1", "--header", "nonsense"], "Name: value"),
        (["run", "--url", "http://127.0.0.1:1", "--header", "a b: c"], "a b"),
        (["run", "--url", "http://127.0.0.1:1", "--header", "X: \x01"], "X"),
        (["run", "--url", "http://127.0.0.1:1", "--header", "X: 1", "--header-env", "x=HOME"], "twice"),
        (["run", "--url", "http://127.0.0.1:1", "--header-env", "X=NONESUCH"], "NONESUCH"),
        (["run", "--url", "http://127.0.0.1:1", "--header-env", "X"], "Name=VARIABLE"),
        (["run", "--url", "https://127.0.0.1:1", "--ca", "nonesuch.pem"], "nonesuch.pem"),
        (["run", "--url", "https://127.0.0.1:1", "--ca", __file__], "PEM"),
        (["run", "--url", "https://127.0.0.1:1", "--cert", __file__], "client certificate"),
        (["run", "--url", "https://127.0.0.1:1", "--key", __file__], "--cert"),
        (["run", "--only", "fleet.request-uid.eho"], "'fleet.request-uid.echo'"),
        (["list", "fleet.request-uid.eho"], "'fleet.request-uid.echo'"),
        (["run", "--skip", "nonesuch"], "nonesuch"),
        (["run", "--only", "auth.401", "--skip", "auth.*"], "--only"),
        (["run", "--contract", "opamp", "--only", "fleet.*"], "--contract fleet"),
        (["run", "--junit", "nonesuch/out.xml"], "nonesuch/out.xml"),
        (["run", "--jsonl", "/"], " /"),
        (["serve", "--deviation", "fleet.request-uid.eho"], "'fleet.request-uid.echo'"),
        (["serve", "--contract", "opamp", "--deviation", "fleet.disconnect.enrolled"], "--contract fleet"),
        (["serve", "--host", "nonesuch.invalid"], "nonesuch.invalid"),
        (["serve", "--enrollment-key", ""], "--enrollment-key"),
        (["run", "--timeout", "nan"], "--timeout"),
        (["run", "--junit", "out", "--jsonl", "./out"], "same file"),
        (["run", "--url", "http://127.0.0.1:1", "--header", "Content-Length: 5"], "Content-Length"),
        (["run", "--url", "http://127.0.0.1:1/a b"], "URL"),
        (["run", "--url", "http://127.0.0.1:1?x=1"], "http://127.0.0.1:1/v1/opamp?x=1"),
    ],
)
def test_invalid_options(cli: Cli, arguments: list[str], expected: str) -> None:
    result = cli.in_process(*arguments)
    assert result.returncode == 2
    assert expected in one_line(result)
    assert "secret" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonesuch"],
        ["run", "--nonesuch"],
        ["run", "--timeout", "0"],
        ["run", "--contract", "x"],
        ["serve", "--port", "70000"],
        ["serve", "--max-body-bytes", "0"],
    ],
)
def test_unknown_options_and_values(cli: Cli, arguments: list[str]) -> None:
    result = cli.in_process(*arguments)
    assert result.returncode == 2
    assert "Error: " in result.stderr


def test_a_port_in_use(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = cli("serve", "--port", listener.getsockname()[1])
    assert result.returncode == 2
    assert "Address already in use" in one_line(result)


def test_an_interrupted_run_disconnects_its_agents_and_has_no_verdict(cli: Cli, tmp_path: Path) -> None:
    def slow(connection: socket.socket) -> None:
        while request := read_request(connection):
            time.sleep(0.1)
            respond(connection, acknowledgement(request))

    kinds = ("html", "junit", "badge", "jsonl")
    files = [word for kind in kinds for word in (f"--{kind}", str(tmp_path / f"run.{kind}"))]
    with BadServer(slow) as server:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "opamp_conformance",
                "run",
                "--url",
                server.url,
                "--timeout",
                "2",
                "--workers",
                "1",
                *files,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,
        )
        assert process.stdout is not None
        while "scenarios over" not in process.stdout.readline():
            pass
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=600)
    assert process.returncode == 2
    assert "Traceback" not in out + err
    assert re.search(r"created \d+ agents", out)
    assert "interrupted" in err
    assert "could not tell: " in out
    assert json.loads((tmp_path / "run.badge").read_text())["message"].startswith("could not tell")
    stream = tmp_path / "run.jsonl"
    assert json.loads(stream.read_text().splitlines()[-1])["exit_code"] == 2
    assert "could not tell" in cli("report", stream).stdout
    for comparison in (("diff", stream, stream), ("matrix", stream)):
        result = cli(*comparison)
        assert result.returncode == 2
        assert "interrupted" in one_line(result)


def test_a_closed_pipe(cli: Cli) -> None:
    process = subprocess.Popen(
        f"{sys.executable} -m opamp_conformance list | head -1", shell=True, stderr=subprocess.PIPE, text=True
    )
    assert "Traceback" not in process.communicate(timeout=600)[1]


# ---- output that cannot be written, and interrupts


SHORT_RUN = "run --only 'bad-request.*'"


@pytest.mark.parametrize(
    "command",
    [SHORT_RUN, "list", "serve --port 0", f"{SHORT_RUN} --junit /dev/full", f"{SHORT_RUN} --jsonl /dev/full"],
)
def test_a_full_disk(command: str) -> None:
    where = "" if "/dev/full" in command else "> /dev/full"
    result = subprocess.run(
        f"{sys.executable} -m opamp_conformance {command} {where}",
        shell=True,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 2
    assert "No space left" in one_line(result)


def test_a_load_test_ends_although_its_progress_cannot_be_written() -> None:
    with MockServer() as server:
        command = f"load steady --url {server.url} --agents 5 --interval 1s --duration 6s > /dev/full"
        result = subprocess.run(
            f"{sys.executable} -m opamp_conformance {command}",
            shell=True,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert result.returncode == 2
    assert "No space left" in one_line(result)


def test_results_of_a_load_test_that_cannot_be_written(cli: Cli) -> None:
    with MockServer() as server:
        result = cli("load", "enrollment", "--url", server.url, "--agents", 5, "--json", "/dev/full")
    assert result.returncode == 2
    assert "No space left" in one_line(result)


def test_a_closed_output() -> None:
    command = f"{sys.executable} -m opamp_conformance run --only auth.401 >&-"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 2
    assert one_line(result)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0, 0.3, 0.6, 1.2])
def test_a_run_is_interrupted_at_any_moment(number: signal.Signals, after: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "opamp_conformance", "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    wait_until(lambda: handles_signals(process))
    time.sleep(after)
    process.send_signal(number)
    out, err = process.communicate(timeout=600)
    assert "Traceback" not in out + err
    assert process.returncode == 2
    assert "interrupted" in err


def test_an_interrupt_in_executed_text_does_not_replace_the_exit_code(tmp_path: Path) -> None:
    """CPython notes such an interrupt, even a handled one, and ends ``python -m`` by the signal."""
    (tmp_path / "interrupted.py").write_text(
        "from opamp_conformance import __main__, cli\n"
        "def run():\n"
        "    try:\n"
        "        exec('raise KeyboardInterrupt')\n"
        "    except KeyboardInterrupt:\n"
        "        return 2\n"
        "cli.run_command_line = run\n"
        "__main__.main()\n"
    )
    assert subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, check=False).returncode == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_workers_disconnect_their_agents_and_report_them(number: signal.Signals) -> None:
    """The signal goes to the whole process group, like Ctrl-C on a terminal."""
    with MockServer(Settings(delays=Delays(0.02, 0.02))) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "opamp_conformance", "run", "--url", server.url, "--workers", "2"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,
            start_new_session=True,
        )
        wait_until(lambda: metric(server, "opamp_agents") >= 30)
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=600)
        records, total = server.call(server.service.store.list_after(b"", 1000))
    assert process.returncode == 2
    assert "Traceback" not in out + err
    assert "interrupted" in err
    assert [record.instance_uid.hex() for record in records if record.connected] == []
    assert re.search(rf"created {total} agents .*disconnected all of them", out)


@pytest.mark.parametrize("pause", [0.01, 0.05, 0.2])
def test_a_run_that_is_interrupted_twice_still_writes_its_reports(tmp_path: Path, pause: float) -> None:
    files = [word for kind in ("html", "junit", "badge", "jsonl") for word in (f"--{kind}", str(tmp_path / kind))]
    process = subprocess.Popen(
        [sys.executable, "-m", "opamp_conformance", "run", *files],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    stream = tmp_path / "jsonl"
    wait_until(lambda: stream.exists() and '"event": "ScenarioFinished"' in stream.read_text())
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(pause)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 2
    assert "Traceback" not in out + err
    assert '"event": "RunFinished", "exit_code": 2' in stream.read_text()
    assert all((tmp_path / kind).stat().st_size for kind in ("html", "junit", "badge"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_destructor_is_not_lost(number: signal.Signals) -> None:
    script = (
        "import os, signal\n"
        "from opamp_conformance.runner import signals\n"
        "class Late:\n"
        "    def __del__(self):\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "signals.install()\n"
        "signals.raise_if_interrupted()\n"
        "Late()\n"
        "print('continues')\n"
        "try:\n"
        "    signals.raise_if_interrupted()\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        preexec_fn=interruptible,
    )
    assert (result.stdout, result.stderr) == ("continues\ninterrupted\n", "")


def test_an_environment_variable_that_breaks_a_library(cli: Cli) -> None:
    result = cli("run", "--only", "auth.401", env={"SSLKEYLOGFILE": "/nonexistent/keys"})
    assert result.returncode == 2
    assert one_line(result)


# ---- the folder and the environment of the user


@pytest.fixture
def hostile_folder(tmp_path: Path) -> Path:
    """A folder with modules that have names of the standard library, and with settings of Locust and pytest."""
    for name in ("token", "types", "queue", "signal"):
        (tmp_path / f"{name}.py").write_text(
            f"open({str(tmp_path / 'executed')!r}, 'w').close()\nraise SystemExit(7)\n"
        )
    (tmp_path / "locust.conf").write_text("run-time = 600\nusers = 3\nweb-port = 1\nexit-code-on-error = 5\n")
    (tmp_path / "pyproject.toml").write_text("[tool.locust]\nheadless = false\nrun-time = '600'\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    return tmp_path


def console_script(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("opamp-conformance")
    return subprocess.run(
        [str(program), *arguments],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_workers_do_not_execute_modules_of_the_current_folder(hostile_folder: Path) -> None:
    result = console_script(hostile_folder, "run", "--workers", "2", "--only", "response.*")
    assert not (hostile_folder / "executed").exists()
    assert result.returncode == 0, result.stdout + result.stderr


def test_load_obeys_only_its_options(hostile_folder: Path) -> None:
    with MockServer() as server:
        result = console_script(
            hostile_folder,
            *("load", "enrollment", "--url", server.url, "--agents", "20"),
            LOCUST_RUN_TIME="600",
            LOCUST_USERS="1",
            LOCUST_LOCUSTFILE="nonesuch.py",
        )
    assert not (hostile_folder / "executed").exists()
    assert result.returncode == 0, result.stdout + result.stderr
    assert "20 of 20 agents" in result.stdout


def test_a_crash_of_a_load_test_is_not_its_verdict(tmp_path: Path) -> None:
    """The port of Locust's master is taken, for example."""
    launcher = Path(opamp_conformance.load.__file__).with_name("launcher.py")
    (tmp_path / "locustfile.py").write_text("raise RuntimeError('broken')\n")
    command = [sys.executable, "-P", str(launcher), "-f", str(tmp_path / "locustfile.py"), "--headless"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "broken" in result.stderr


@pytest.mark.parametrize("arguments", [("run", "--only", "response.*"), ("list",), ("load", "enrollment", "--help")])
def test_an_output_that_cannot_encode_everything(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments, env={"PYTHONIOENCODING": "ascii"}).returncode == 0


def test_load_writes_to_an_output_that_cannot_encode_everything(cli: Cli) -> None:
    deviations = (DEVIATIONS["fleet.request-uid.echo"],)
    with MockServer(Settings(deviations=deviations)) as server:
        arguments = ("load", "enrollment", "--url", server.url, "--agents", 20)
        result = cli(*arguments, env={"PYTHONIOENCODING": "ascii"})
    assert result.returncode == 1
    assert "20 \\xd7 MUST" in result.stdout


def test_a_profile_may_begin_with_a_byte_order_mark(cli: Cli, tmp_path: Path) -> None:
    profile = tmp_path / "profile.toml"
    profile.write_text('newest = "1.0"\n', encoding="utf-8-sig")
    assert cli("run", "--profile", profile, "--only", "response.*").returncode == 0
