"""What every pytest session gets: the options of the suite. The rest is loaded when a session collects the suite.

So this module imports little: it is loaded into all pytest sessions of an environment.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import opamp_conformance
from opamp_conformance.client.timing import DEFAULT_LIMIT_SECONDS
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.targets.options import ACCESS_OPTIONS
from opamp_conformance.wire.transport import Transport

_PREFIX: Final = "--opamp-"
_PLUGIN: Final = "opamp_conformance.runner.pytest_plugin"
_SUITE: Final = Path(opamp_conformance.__file__).parent / "suite"
_SUMMARY_OUTPUT: Final = "opamp"

SUMMARIES = pytest.StashKey[list[tuple[bool, list[str]]]]()
"""For each process: whether findings fail the session, and lines for its end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("opamp", "OpAMP conformance")
    group.addoption("--opamp-url", metavar="URL", help="the server to grade (default: the bundled mock server)")
    for option in ACCESS_OPTIONS:
        name, kind = f"{_PREFIX}{option.name.removeprefix('--')}", "append" if option.is_repeatable else "store"
        default: Any = [] if option.is_repeatable else option.default
        group.addoption(name, metavar=option.metavar, action=kind, default=default, help=option.help)
    group.addoption("--opamp-contract", choices=[*Contract, "all"], help="the contract (default: by the target)")
    group.addoption("--opamp-transport", choices=[*Transport, "all"], default="all", help="the transport")
    group.addoption("--opamp-control", metavar="URL", help="its control plane")
    group.addoption("--opamp-disruptive", action="store_true", help="also run what could hurt a shared server")
    group.addoption(
        "--opamp-timeout",
        type=_seconds,
        default=DEFAULT_LIMIT_SECONDS,
        metavar="SECONDS",
        help="limit of each exchange",
    )
    group.addoption("--opamp-strict", action="store_true", help="a broken SHOULD fails its scenario")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 3600:
        raise ValueError(text)
    return seconds


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SUMMARIES] = []


@pytest.hookimpl(tryfirst=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> None:
    """Load the plugin of the suite before a file of the suite is collected."""
    if file_path.parent == _SUITE:
        parent.config.pluginmanager.import_plugin(_PLUGIN)


# ---- the end, which the main session of pytest-xdist has without collecting anything


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Let findings fail a session, after all other plugins; a worker of pytest-xdist sends them to its main session."""
    yield
    summaries = session.config.stash[SUMMARIES]
    if summaries and hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_SUMMARY_OUTPUT] = summaries
    if any(findings_fail for findings_fail, _ in summaries) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the summary of a worker of pytest-xdist."""
    node.config.stash[SUMMARIES].extend(getattr(node, "workeroutput", {}).get(_SUMMARY_OUTPUT, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    summaries = config.stash[SUMMARIES]
    if summaries:
        terminalreporter.section("OpAMP")
    for _, lines in summaries:
        for line in lines:
            terminalreporter.line(line)
