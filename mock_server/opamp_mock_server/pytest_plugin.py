"""The mock server for tests of agents, as fixtures of pytest; to a session it adds these, and nothing else."""

from collections.abc import Iterator

import pytest

from opamp_mock_server.settings import Settings
from opamp_mock_server.testing import OpampServer, started


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "opamp_server(**settings): how the fixture opamp_server is to behave")


@pytest.fixture
def opamp_server(request: pytest.FixtureRequest) -> Iterator[OpampServer]:
    """A mock server of its own for a test; ``@pytest.mark.opamp_server(...)`` takes what its Settings take."""
    marker = request.node.get_closest_marker("opamp_server")
    with started(Settings(**(marker.kwargs if marker else {}))) as server:
        yield server


@pytest.fixture(scope="session")
def opamp_session_server() -> Iterator[OpampServer]:
    """One mock server for all tests of a session."""
    with started() as server:
        yield server
