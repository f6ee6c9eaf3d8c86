"""A real OpenTelemetry Collector with the opamp extension, connected to the mock server."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from opamp_mock_server import DEVIATIONS
from support.matrix import is_nightly
from support.message_lines import AUTHORIZATION, listening, mock_server
from support.peers import PEERS, collector, running

pytestmark = [
    pytest.mark.go,
    pytest.mark.skipif(not is_nightly(), reason="to build a Collector takes some minutes: set OPAMP_NIGHTLY=1"),
]


@contextmanager
def running_collector(url: str, instance_uid: uuid.UUID) -> Iterator[None]:
    """Run a Collector, and terminate it at the end of the block."""
    env = {"OPAMP_URL": url, "OPAMP_AUTHORIZATION": AUTHORIZATION, "OPAMP_INSTANCE_UID": str(instance_uid)}
    with running([collector(), "--config", PEERS / "collector" / "config.yaml"], env) as process:
        yield
    assert process.returncode == 0


def test_a_collector_reports_reconnects_after_a_restart_and_disconnects() -> None:
    instance_uid = uuid.uuid4()
    uid = instance_uid.hex
    first = mock_server(judges_agents=True)
    port = urlsplit(first.url).port or 0
    with listening() as messages, first, running_collector(first.url, instance_uid):
        messages.wait_for_each(
            uid, "agent_description", "effective_config", "health", "capabilities custom_capabilities"
        )
        messages.wait_for(uid, "capabilities -> acknowledged")
        first.stop()
        with mock_server(port=port):
            # The new server knows no agent: it requests the full state, and receives it.
            messages.wait_for(uid, "capabilities -> flags")
            messages.wait_for_each(uid, "agent_description", "effective_config", "health")
            messages.wait_for(uid, "capabilities -> acknowledged")
    # While it starts, it is not healthy, and says no more. docs/agents.md has these findings, checked by hand.
    assert first.judge is not None
    found = {finding.requirement for finding in first.judge.findings}
    assert found <= {"health.last-error", "compression.unset.effective-config"}


def test_a_collector_adopts_a_new_instance_uid() -> None:
    instance_uid = uuid.uuid4()
    deviations = (DEVIATIONS["fleet.check-in"],)
    with (
        listening() as messages,
        mock_server(deviations=deviations) as server,
        running_collector(server.url, instance_uid),
    ):
        line = messages.wait_for(instance_uid.hex, "new_instance_uid=")
        given = line.partition("new_instance_uid=")[2].partition(" ")[0]
        messages.wait_for(f"{given} #")
        # After it has sent a check-in without news, the Collector also handles signals.
        messages.wait_for(" capabilities -> ")
