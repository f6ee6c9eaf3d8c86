"""Makes tests of scenarios, for the two files that pytest collects."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_bdd import scenario

from opamp_conformance import resources
from opamp_conformance.ledger.ledger import Subject
from opamp_conformance.suite.catalogue import load_catalogue
from opamp_conformance.suite.step_lookup import cache_step_lookup
from opamp_conformance.wire.transport import Transport


def steps_of(folder: str) -> dict[str, Any]:
    """Return the steps of a folder. As names of a test file, they are invisible to all other tests of the session."""
    return {
        name: value
        for module in resources.step_modules(folder)
        for name, value in vars(module).items()
        if name.startswith("pytestbdd_")
    }


def tests_of(subject: Subject, path: Path) -> dict[str, Callable[..., None]]:
    """Return a test for each scenario about one side, by name; ``path`` is the file that they are for."""
    cache_step_lookup(path)
    tests: dict[str, Callable[..., None]] = {}
    for entry in load_catalogue(subject).values():

        @pytest.mark.opamp_scenario(entry)
        @scenario(str(entry.path), entry.title)
        def _test(transport: Transport) -> None:
            pass

        # A tag may add a slug to the id of a requirement. With its id as a marker, -m still selects a requirement.
        for requirement in entry.requirements:
            _test = getattr(pytest.mark, requirement.id)(_test)
        tests["test_" + re.sub(r"\W+", "_", entry.key)] = _test
    return tests
