"""The suite against two instances behind a load balancer. It needs the machine for itself."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from opamp_mock_server import ElasticsearchSettings
from support.command_line import Cli
from support.deviation_matrix import elasticsearch, index
from support.fault_injection import free_port
from support.instances import two_instances
from support.matrix import is_nightly
from support.peers import need, running

pytestmark = pytest.mark.skipif(elasticsearch() is None, reason="needs an Elasticsearch: set ELASTICSEARCH_URL")


@pytest.fixture
def store() -> Iterator[ElasticsearchSettings]:
    with index() as settings:
        yield settings


def test_the_suite_passes_on_two_instances_behind_a_load_balancer(
    cli: Cli, store: ElasticsearchSettings, tmp_path: Path
) -> None:
    """Chapters that depend on what the instances share; with OPAMP_NIGHTLY=1, the whole suite."""
    need("haproxy")
    chosen = () if is_nightly() else ("--only", "fleet.*", "--only", "sequence.*")
    with two_instances(store, "--control", "--enrollment-key", "test-key") as instances:
        port = free_port()
        servers = "\n".join(f"  server s{one.port} 127.0.0.1:{one.port}" for one in instances)
        settings = tmp_path / "haproxy.cfg"
        settings.write_text(
            "defaults\n  mode http\n  timeout connect 2s\n  timeout client 60s\n  timeout server 60s\n"
            f"  timeout tunnel 1h\nlisten opamp\n  bind 127.0.0.1:{port}\n  balance roundrobin\n{servers}\n"
        )
        url = f"http://127.0.0.1:{port}"
        skipped = [
            *("--skip", "fleet.instances.*"),
            *("--skip", "fleet.document.*"),
            *("--skip", "fleet.enrollment-key.*"),
        ]
        options = ["--control", f"{url}/control", "--header", "Authorization: ApiKey test-key", "--disruptive"]
        with running(["haproxy", "-f", settings]):
            result = cli("run", "--url", url, *options, "--contract", "all", *chosen, *skipped, timeout=300)
    assert result.returncode == 0, "\n".join(
        line for line in result.stdout.splitlines() if not line.startswith("passed")
    )
    assert re.search(r"^conformant: \d+ passed in", result.stdout, re.MULTILINE), result.stdout[-500:]
