"""Runs against servers with fewer capabilities, slow servers, and servers with TLS."""

import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
import trustme

from opamp_conformance.client.timing import Timing
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.results.events import ScenarioFinished
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.runner.run import grade as grade_target
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets.mock import MockTarget
from opamp_conformance.wire.transport import Transport
from opamp_mock_server import ALL_CAPABILITIES, DEVIATIONS, ORDINARY_KEY_PREFIX, Delays, Deviation, Settings
from opamp_mock_server.transports.http_messages import RequestHeaders, Response
from opamp_mock_server.transports.plain_http import HttpEndpoint
from opamp_proto import opamp_pb2 as pb
from support.command_line import Cli, one_line
from support.matrix import Graded, RunRecord, is_nightly

OPTIONAL = [name for name, bit in pb.ServerCapabilities.items() if bit > pb.ServerCapabilities_AcceptsStatus]

USING_CAPABILITIES = ("certificates", "connection_settings", "packages", "remote_config", "status_reporting")
"""The chapters that use the optional capabilities of a server."""
DOCUMENTS = "fleet_documents"
"""The chapter that needs Elasticsearch."""


def graded(
    settings: Settings, *only: str, workers: int = 1, transports: Sequence[Transport] = tuple(Transport)
) -> Graded:
    record = RunRecord()
    selection = Selection(tuple(Contract), only=only, transports=transports)
    code = grade_target(MockTarget(settings), selection, timing=Timing(10), workers=workers, listeners=[record])
    return Graded(code, record)


@pytest.mark.parametrize("name", [*OPTIONAL, "all of them"])
def test_a_disabled_capability_is_neither_announced_nor_used(name: str) -> None:
    off = sum(pb.ServerCapabilities.Value(other) for other in OPTIONAL if name in (other, "all of them"))
    is_whole = name == "all of them" or is_nightly()
    transports, only = (tuple(Transport), ()) if is_whole else ((Transport.WEBSOCKET,), USING_CAPABILITIES)
    outcome = graded(Settings(capabilities=ALL_CAPABILITIES & ~off), *only, transports=transports)
    assert outcome.code is ExitCode.CONFORMANT
    assert outcome.findings == set()
    assert not outcome.broken()
    not_applicable = [event for event in outcome.record.ended(Verdict.NOT_APPLICABLE) if _is_about_the_server(event)]
    reasons = {event.actual.rpartition(" ")[2] for event in not_applicable}
    expected = {other.rpartition("_")[2] for other in OPTIONAL if name in (other, "all of them")}
    if "OffersConnectionSettings" in expected:
        expected.add("AcceptsConnectionSettingsRequest")  # The reply to such a request would be an offer.
    assert reasons <= expected


@pytest.mark.parametrize(
    ("deviation", "scenario"),
    [
        ("transport.server-accepts-http", "transport.server-accepts-http"),
        ("transport.server-accepts-ws", "transport.server-accepts-ws"),
    ],
)
def test_a_missing_transport_fails_one_scenario(deviation: str, scenario: str) -> None:
    outcome = graded(Settings(deviations=(DEVIATIONS[deviation],)))
    assert outcome.code is ExitCode.CONFORMANT
    others = [event for event in outcome.record.scenarios if _is_about_the_server(event)]
    fine = (Verdict.PASSED, Verdict.NOT_SCORED)
    assert [event.key for event in others if event.verdict not in fine] == [scenario]


def _is_about_the_server(event: ScenarioFinished) -> bool:
    """Leave out what needs documents, and what needs both transports."""
    return event.chapter != DOCUMENTS and "one transport only" not in event.actual


def test_a_selected_transport_has_to_exist(cli: Cli) -> None:
    with cli.serve("--deviation", "transport.server-accepts-ws") as url:
        result = cli("run", "--url", url, "--transport", "websocket")
    assert result.returncode == 2
    assert "over WebSocket" in result.stderr


def test_workers_give_the_same_verdicts() -> None:
    """The findings of all workers are merged, too."""
    settings = Settings(delays=Delays(0.02, 0.01), deviations=(DEVIATIONS["error.excludes-other-fields"],))
    only = ("bad-request.*", "error.*", "fleet.disconnect.*")
    single, parallel = graded(settings, *only), graded(settings, *only, workers=3)

    def verdicts(outcome: Graded) -> set[tuple[str, str, str]]:
        return {(event.key, event.transport, event.verdict) for event in outcome.record.scenarios}

    assert verdicts(single) == verdicts(parallel)
    assert single.findings == parallel.findings == {"error.excludes-other-fields"}
    [one], [other] = single.record.findings, parallel.record.findings
    assert other.count >= one.count  # Each worker runs the preconditions of enrollment scenarios itself.
    assert single.code is parallel.code is ExitCode.NOT_CONFORMANT


def test_the_option_workers(cli: Cli) -> None:
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
        chosen = ("--only", "fleet.request-uid.*", "--only", "packages.*", "--only", "disconnect.*")
        result = cli(*trusted, *client, "--contract", "all", *chosen)
        assert result.returncode == 0, result.stdout
        assert " over http and websocket" in result.stdout
        assert cli(*trusted).returncode == 2


def test_an_unusable_certificate_is_an_error(cli: Cli, files: Path, tmp_path: Path) -> None:
    result = cli("serve", "--port", "0", "--cert", files / "server.pem", "--key", files / "ca.pem")
    assert result.returncode == 2
    assert "certificate" in result.stderr
    with pytest.raises(ssl.SSLError):
        ssl.create_default_context().load_cert_chain(files / "server.pem", files / "ca.pem")


def test_every_instance_has_to_answer(cli: Cli) -> None:
    with cli.serve() as url:
        result = cli("run", "--url", url, "--url", "http://127.0.0.1:9", "--contract", "fleet")
        assert result.returncode == 2
        assert "http://127.0.0.1:9/v1/opamp" in one_line(result)
        three_instances = cli("run", "--url", url, "--url", url, "--url", url)
        assert three_instances.returncode == 2
        assert "--url" in one_line(three_instances)


class OrdinaryKeyUnavailable(HttpEndpoint):
    """A server that knows an ordinary key, and refuses the enrollment as Unavailable, as Fleet Server does."""

    def require_admission(self, headers: RequestHeaders) -> None:
        if ORDINARY_KEY_PREFIX.encode() not in (headers.authorization or b""):
            super().require_admission(headers)

    async def respond(self, headers: RequestHeaders, body: bytes) -> Response:
        if ORDINARY_KEY_PREFIX.encode() not in (headers.authorization or b""):
            return await super().respond(headers, body)
        message = pb.AgentToServer.FromString(body)
        return self.encode(None, self._service.core.unavailable(message.instance_uid, 1).SerializeToString())


def test_a_server_may_refuse_an_ordinary_key_as_unavailable() -> None:
    outcome = graded(Settings(deviations=(Deviation("test", (), OrdinaryKeyUnavailable),)), "fleet.enrollment-key.*")
    assert [event.key for event in outcome.record.ended(Verdict.PASSED)] == [
        "fleet.enrollment-key.ordinary",
        "fleet.enrollment-key.retired",
    ]
