"""Fixtures of all tests."""

import pytest

from support.command_line import Cli

pytest_plugins = ["pytester"]


@pytest.fixture
def cli() -> Cli:
    return Cli()
