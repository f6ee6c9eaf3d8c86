"""pytest fixtures with a mock server, for tests of agents. The plugin does nothing else."""

from collections.abc import Iterator

import pytest

from opamp_mock_server.settings import Settings
from opamp_mock_server.testing import OpampServer, started


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "opamp_server(**settings): the settings of the fixture opamp_server")


@pytest.fixture
def opamp_server(request: pytest.FixtureRequest) -> Iterator[OpampServer]:
    """A mock server for one test. ``@pytest.mark.opamp_server(...)`` takes the fields of Settings."""
    marker = request.node.get_closest_marker("opamp_server")
    with started(Settings(**(marker.kwargs if marker else {}))) as server:
        yield server


@pytest.fixture(scope="session")
def opamp_session_server() -> Iterator[OpampServer]:
    """One mock server for all tests of the session."""
    with started() as server:
        yield server
