"""Installs the wheel of a folder in a clean environment, and uses it as a user does: ``check_wheel.py DIST``."""

import json
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

OURS = {"opamp_conformance", "opamp_mock_server", "opamp_agent_checks", "opamp_mock_agent", "opamp_proto"}


def main() -> None:
    [wheel] = Path(sys.argv[1]).glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == OURS, top
    for inside in ("features/enrollment/disconnect.feature", "steps/agents.py", "loadtests/enrollment.py", "py.typed"):
        assert f"opamp_conformance/{inside}" in names, inside
    for inside in ("page.html", "openapi.json"):
        assert f"opamp_mock_server/control/{inside}" in names, inside

    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        program = Path(folder, "bin")

        def run(*command: str, code: int = 0) -> str:
            result = subprocess.run(
                [str(program / command[0]), *command[1:]], cwd=folder, capture_output=True, text=True, check=False
            )
            assert result.returncode == code, f"{command}: {result.stdout}{result.stderr}"
            return result.stderr if code else result.stdout

        run("python", "-m", "pip", "install", "-q", "--no-compile", str(wheel.resolve()))
        run("python", "-m", "pip", "check")
        sys.stdout.write(run("opamp-conformance", "run").splitlines()[-3] + "\n")
        assert json.loads(run("opamp-conformance", "list", "--json"))["requirements"]
        assert "fleet.request-uid.echo" in run("opamp-conformance", "serve", "--list-deviations")
        run("opamp-conformance", "run", "--only", "fleet.new-uid.*", "--html", "run.html", "--jsonl", "run.jsonl")
        run("opamp-conformance", "book", "--html", "book", "run.jsonl")
        assert "<h1" in Path(folder, "run.html").read_text()
        assert Path(folder, "book", "enrollment.html").is_file()
        for extra, *command in (
            ("load", "load", "enrollment", "--url", "http://127.0.0.1:4320"),
            ("fleet-server", "run", "--target", "fleet-server"),
            ("elasticsearch", "serve", "--store", "elasticsearch", "--elasticsearch-url", "http://127.0.0.1:9200"),
        ):
            assert f"opamp-conformance[{extra}]" in run("opamp-conformance", *command, code=2)
        sys.stdout.write(
            run("pytest", "--pyargs", "opamp_conformance", "-q", "-k", "disconnect").splitlines()[-1] + "\n"
        )


if __name__ == "__main__":
    main()
