"""Looks up the definition of each step once, not for each scenario that uses it.

pytest-bdd searches every fixture of the session for every step of every scenario, which takes a third of a run's time.
All scenarios of the suite have the same definitions, so they are collected once, and the first result for a step stays
valid. Scenarios of other people in the same session are not affected.
"""

import functools
import sys
from pathlib import Path
from typing import Any, Final

_NEEDED: Final = ("find_fixturedefs_for_step", "get_fixture_names", "getfixturedefs", "step_function_context_registry")


@functools.cache
def cache_step_lookup(suite: Path) -> None:
    """Look up the steps of one test file once; has no effect if pytest-bdd changes its internals."""
    library: Any = sys.modules.get("pytest_bdd.scenario")
    if any(not hasattr(library, name) for name in _NEEDED):
        return
    look_up = library.find_fixturedefs_for_step
    found: dict[tuple[str, str], list[Any]] = {}
    definitions: list[tuple[Any, Any]] = []
    of_session: object = None

    def remembered(step: Any, fixturemanager: Any, node: Any) -> list[Any]:
        nonlocal of_session
        if node.path != suite:
            return list(look_up(step, fixturemanager, node))
        if fixturemanager is not of_session:
            of_session = fixturemanager
            found.clear()
            definitions[:] = [
                (library.step_function_context_registry[fixture.func], fixture)
                for name in library.get_fixture_names(fixturemanager)
                for fixture in library.getfixturedefs(fixturemanager, name, node) or []
                if fixture.func in library.step_function_context_registry
            ]
        key = (step.type, step.name)
        if key not in found:
            found[key] = [
                fixture
                for context, fixture in definitions
                if context.type in (None, step.type) and context.parser.is_matching(step.name)
            ]
        return found[key]

    library.find_fixturedefs_for_step = remembered
