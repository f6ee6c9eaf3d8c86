"""pytest fixtures with a mock server, for tests of agents. The plugin does nothing else."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from opamp_mock_server.testing import OpampServer


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "opamp_server(strict, **settings): the settings of the fixture opamp_server")


@pytest.fixture
def opamp_server(request: pytest.FixtureRequest) -> "Iterator[OpampServer]":
    """A mock server for one test. ``@pytest.mark.opamp_server(...)`` takes the fields of Settings.

    With ``strict=True``, the test fails if its agent broke a MUST.
    """
    from opamp_agent_checks import Severity  # noqa: PLC0415 - most sessions of pytest need no mock server
    from opamp_mock_server.testing import UnknownNameError, settings_of, started  # noqa: PLC0415

    marker = request.node.get_closest_marker("opamp_server")
    settings = dict(marker.kwargs) if marker else {}
    strict = settings.pop("strict", False)
    try:
        chosen = settings_of(settings)
    except UnknownNameError as error:
        pytest.fail(f"@pytest.mark.opamp_server: {error}", pytrace=False)
    with started(chosen) as server:
        yield server
        broken = [str(finding) for finding in server.findings if finding.severity is Severity.FAILURE]
    if strict and broken:
        pytest.fail("the agent broke the specification:\n" + "\n".join(broken), pytrace=False)


@pytest.fixture(scope="session")
def opamp_session_server() -> "Iterator[OpampServer]":
    """One mock server for all tests of the session."""
    from opamp_mock_server.testing import started  # noqa: PLC0415 - as above

    with started() as server:
        yield server
