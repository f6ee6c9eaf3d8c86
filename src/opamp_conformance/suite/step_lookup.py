"""Looks up the definition of each step once, not for each scenario that uses it.

pytest-bdd searches every fixture of the session for every step of every scenario, which takes a third of a
run's time. All scenarios of the suite have the same definitions, so the first result stays valid. Scenarios
of other people in the same session are not affected.
"""

import functools
import sys
from pathlib import Path
from typing import Any


@functools.cache
def cache_step_lookup(suite: Path) -> None:
    """Look up the steps of one test file once; has no effect if pytest-bdd changes its internals."""
    library = sys.modules.get("pytest_bdd.scenario")
    look_up = getattr(library, "find_fixturedefs_for_step", None)
    if look_up is None:
        return
    found: dict[tuple[str, str], list[Any]] = {}
    of_session: object = None

    def remembered(step: Any, fixturemanager: Any, node: Any) -> list[Any]:
        nonlocal of_session
        if node.path != suite:
            return list(look_up(step, fixturemanager, node))
        if fixturemanager is not of_session:
            of_session = fixturemanager
            found.clear()
        key = (step.type, step.name)
        if key not in found:
            found[key] = list(look_up(step, fixturemanager, node))
        return found[key]

    setattr(library, "find_fixturedefs_for_step", remembered)  # noqa: B010 - not a name that it exports
