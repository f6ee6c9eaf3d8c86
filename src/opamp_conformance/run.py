"""A run from its beginning to its exit code: the suite under pytest, apart from whatever else pytest is used for."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import uuid6

import opamp_conformance.suite
from opamp_conformance.errors import CannotTell
from opamp_conformance.events import Listener
from opamp_conformance.examination import Examination
from opamp_conformance.preflight import open_client
from opamp_conformance.pytest_plugin import EXAMINATION, name_of, scenario_of
from opamp_conformance.selection import Selection
from opamp_conformance.targets import Target
from opamp_conformance.verdicts import ExitCode


def examine(
    target: Target, selection: Selection, *, timeout: float, strict: bool = False, listeners: Sequence[Listener] = ()
) -> ExitCode:
    """Grade a target by the selected scenarios; raises CannotTell if that cannot even begin.

    ``timeout`` bounds each exchange, in seconds. Interrupted, it still takes leave of the target.
    """
    run = uuid6.uuid7().hex
    with target.start() as endpoint, open_client(endpoint, run, timeout) as client:
        examination = Examination(target, endpoint, client, run, strict=strict, listeners=list(listeners))
        session = _Session(examination, selection)
        with _nothing_of_the_users() as arguments:
            pytest.main(arguments, plugins=[session])
        code = examination.finish()
        if session.problem:
            raise CannotTell(session.problem)
        if examination.unwritten:
            raise CannotTell(f"the outcome could not be written: {examination.unwritten[0]}")
        return code


class _Session:
    """Our part in the pytest session: it carries the examination in, and what went wrong out."""

    def __init__(self, examination: Examination, selection: Selection) -> None:
        self._examination = examination
        self._selection = selection
        self.problem = ""

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[EXAMINATION] = self._examination

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        entries = [(scenario, name_of(item)) for item in items if (scenario := scenario_of(item))]
        try:
            chosen = self._selection.choose(entries)
        except CannotTell as error:
            self.problem = str(error)
            chosen = [False] * len(items)
        items[:] = [item for item, is_chosen in zip(items, chosen, strict=True) if is_chosen]
        if items:
            self._examination.start(self._selection.contracts, len(items))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problem = f"the suite cannot be loaded: {report.longrepr}"

    def pytest_internalerror(self, excrepr: object) -> None:
        self.problem = f"the suite failed: {excrepr}"

    def pytest_keyboard_interrupt(self) -> None:
        self.problem = "interrupted"


@contextmanager
def _nothing_of_the_users() -> Iterator[list[str]]:
    """Make pytest's arguments for a session that takes nothing from the user's folder, plugins or variables."""
    suite = Path(opamp_conformance.suite.__file__).parent
    isolated = {"PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with tempfile.TemporaryDirectory() as folder, _environment(isolated):
        settings = Path(folder, "pytest.ini")
        settings.write_text("[pytest]\n", encoding="utf-8")
        yield [
            f"--config-file={settings}",
            f"--rootdir={suite}",
            "--noconftest",
            "--import-mode=importlib",
            "--strict-markers",
            *("-p", "pytest_bdd.plugin", "-p", "opamp_conformance.pytest_plugin"),
            *(f"-pno:{plugin}" for plugin in ("terminal", "cacheprovider", "logging", "warnings", "faulthandler")),
            "--capture=no",
            str(suite),
        ]


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
