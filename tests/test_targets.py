"""What the suite makes of servers that can do less, are slow, or are reached by TLS."""

import ssl
from pathlib import Path

import pytest
import trustme

from opamp_conformance.ledger import Contract
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.runner.run import grade as grade_target
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets.mock import MockTarget
from opamp_mock_server import ALL_CAPABILITIES, DEVIATIONS, Delays, Settings
from opamp_proto import opamp_pb2 as pb
from support.command_line import Cli, one_line
from support.deviation_matrix import Graded, RunRecord

OPTIONAL = [name for name, bit in pb.ServerCapabilities.items() if bit > pb.ServerCapabilities_AcceptsStatus]

DOCUMENTS = "fleet_documents"
"""The chapter that needs Elasticsearch."""


def graded(settings: Settings, *only: str, workers: int = 1) -> Graded:
    record = RunRecord()
    selection = Selection(tuple(Contract), only=only)
    code = grade_target(MockTarget(settings), selection, timeout=10, workers=workers, listeners=[record])
    return Graded(code, record)


@pytest.mark.parametrize("name", [*OPTIONAL, "all of them"])
def test_a_capability_that_is_switched_off_is_neither_announced_nor_used(name: str) -> None:
    off = sum(pb.ServerCapabilities.Value(other) for other in OPTIONAL if name in (other, "all of them"))
    outcome = graded(Settings(capabilities=ALL_CAPABILITIES & ~off))
    assert outcome.code is ExitCode.CONFORMANT
    assert outcome.findings == set()
    assert not outcome.broken()
    left_out = [event for event in outcome.record.ended(Verdict.NOT_APPLICABLE) if event.chapter != DOCUMENTS]
    told = {event.actual.rpartition(" ")[2] for event in left_out}
    expected = {other.rpartition("_")[2] for other in OPTIONAL if name in (other, "all of them")}
    if "OffersConnectionSettings" in expected:
        expected.add("AcceptsConnectionSettingsRequest")  # Its answer would be an offer.
    assert told <= expected


@pytest.mark.parametrize(
    ("deviation", "scenario"),
    [
        ("transport.server-accepts-http", "transport.server-accepts-http"),
        ("transport.server-accepts-ws", "transport.server-accepts-ws"),
    ],
)
def test_a_transport_that_is_not_served_is_one_verdict(deviation: str, scenario: str) -> None:
    outcome = graded(Settings(deviations=(DEVIATIONS[deviation],)))
    assert outcome.code is ExitCode.CONFORMANT
    others = [event for event in outcome.record.scenarios if event.chapter != DOCUMENTS]
    assert [event.key for event in others if event.verdict is not Verdict.PASSED] == [scenario]


def test_a_transport_that_is_asked_for_has_to_be_there(cli: Cli) -> None:
    with cli.serve("--deviation", "transport.server-accepts-ws") as url:
        result = cli("run", "--url", url, "--transport", "websocket")
    assert result.returncode == 2
    assert "does not answer as an OpAMP server over WebSocket" in result.stderr


def test_scenarios_side_by_side_say_the_same() -> None:
    """Also their findings, and what they leave behind, come together."""
    settings = Settings(delays=Delays(0.02, 0.01), deviations=(DEVIATIONS["error.excludes-other-fields"],))
    only = ("bad-request.*", "error.*", "fleet.disconnect.*")
    alone, together = graded(settings, *only), graded(settings, *only, workers=3)

    def verdicts(outcome: Graded) -> set[tuple[str, str, str]]:
        return {(event.key, event.transport, event.verdict) for event in outcome.record.scenarios}

    assert verdicts(alone) == verdicts(together)
    assert alone.findings == together.findings == {"error.excludes-other-fields"}
    [one], [other] = alone.record.findings, together.record.findings
    assert other.count >= one.count  # Each worker tries the controls of enrollment for itself.
    assert alone.code is together.code is ExitCode.NOT_CONFORMANT


def test_workers_of_the_command_line(cli: Cli) -> None:
    result = cli("run", "--workers", "2", "--only", "fleet.check-in")
    assert result.returncode == 0
    assert "in 2 workers" in result.stdout


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    server, client = authority.issue_cert("localhost"), authority.issue_cert("agent@example.com")
    for name, leaf in (("server", server), ("client", client)):
        leaf.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
        leaf.private_key_pem.write_to_path(str(folder / f"{name}.key"))
    return folder


def test_tls_and_client_certificates(cli: Cli, files: Path) -> None:
    mutual = ("--cert", files / "server.pem", "--key", files / "server.key", "--client-ca", files / "ca.pem")
    with cli.serve("--host", "localhost", "--control", *map(str, mutual)) as url:
        control = url.replace("/v1/opamp", "/control")
        trusted = ("run", "--url", url, "--control", control, "--ca", files / "ca.pem")
        client = ("--cert", files / "client.pem", "--key", files / "client.key")
        result = cli(*trusted, *client, "--contract", "all")
        assert result.returncode == 0, result.stdout
        assert " over http and websocket" in result.stdout
        assert cli(*trusted).returncode == 2


def test_a_certificate_that_cannot_be_used(cli: Cli, files: Path, tmp_path: Path) -> None:
    result = cli("serve", "--port", "0", "--cert", files / "server.pem", "--key", files / "ca.pem")
    assert result.returncode == 2
    assert "cannot use the certificate" in result.stderr
    with pytest.raises(ssl.SSLError):
        ssl.create_default_context().load_cert_chain(files / "server.pem", files / "ca.pem")


def test_another_instance_has_to_be_there(cli: Cli) -> None:
    with cli.serve() as url:
        result = cli("run", "--url", url, "--url", "http://127.0.0.1:9", "--contract", "fleet")
        assert result.returncode == 2
        assert "http://127.0.0.1:9/v1/opamp does not answer" in one_line(result)
        thrice = cli("run", "--url", url, "--url", url, "--url", url)
        assert thrice.returncode == 2
        assert "at most twice" in one_line(thrice)
