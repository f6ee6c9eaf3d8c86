"""Fixtures of all tests."""

import pytest

from support.command_line import Cli

pytest_plugins = ["pytester"]


LONGEST = ("docs", "agent_deviations", "deviations", "containers", "fleet_server_target", "load", "elasticsearch_store")
"""The modules that take longest. They begin, so that no process waits for one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    names = [f"test_{name}.py" for name in LONGEST]
    items.sort(key=lambda item: names.index(item.path.name) if item.path.name in names else len(names))


@pytest.fixture
def cli() -> Cli:
    return Cli()
