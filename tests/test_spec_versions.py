"""Versions of the specification: what each of them has, what a run by one of them scores, and old messages."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from opamp_conformance.ledger.ledger import Contract, LedgerError, Level, load_ledger, read_entry
from opamp_conformance.ledger.versions import DEFAULT_VERSION, NEWEST, OLDEST, SpecVersion
from opamp_mock_server import MockServer, Settings
from opamp_proto import opamp_pb2 as pb
from support.command_line import Cli, one_line
from support.http_requests import ask, send

FROZEN = {
    SpecVersion.V0_18: "8dbc6798ffda7a1d5b2544e4ff41b03efb6e24decfa2347935431b12ac9c04e0",
    SpecVersion.V0_19: "8ba1db09e59adf6b46f49f94d935e9332025262766dc90dced1682208376defc",
    SpecVersion.V0_20: "2403452fda23e3941e174d7191ecf6b0cf6e9c05c0a2dfcf8e3a9835b54302e9",
}
"""SHA-256 of the output of ``ledger show`` for each version. Change one only with a reason in CHANGELOG.md."""


@pytest.mark.parametrize("version", SpecVersion)
def test_a_version_is_frozen(cli: Cli, version: SpecVersion) -> None:
    shown = cli("ledger", "show", "--spec-version", version).stdout
    assert hashlib.sha256(shown.encode()).hexdigest() == FROZEN[version]


def test_versions_differ_by_what_began_and_ended(cli: Cli) -> None:
    ids = {
        version: {
            json.loads(line)["id"] for line in cli("ledger", "show", "--spec-version", version).stdout.splitlines()
        }
        for version in SpecVersion
    }
    assert "disconnect.http-not-needed" in ids[SpecVersion.V0_18] - ids[SpecVersion.V0_19]
    assert "size.http.server-413" in ids[SpecVersion.V0_19] - ids[SpecVersion.V0_18]
    assert "config-files.keys-are-names" in ids[SpecVersion.V0_19] - ids[SpecVersion.V0_20]
    assert "config-objects.keys-agent-defined" in ids[SpecVersion.V0_20] - ids[SpecVersion.V0_19]


def test_a_requirement_may_change_from_one_version_to_the_next() -> None:
    entry = {"section": "s", "statement": "A statement.", "subject": "agent"}
    before = {**entry, "level": "implied", "until": "0.18"}
    after = {**entry, "level": "SHOULD", "since": "0.19"}
    levels = [span.level for span in read_entry("an.id", Contract.OPAMP, [dict(before), dict(after)])]
    assert levels == [Level.IMPLIED, Level.SHOULD]
    with pytest.raises(LedgerError, match="overlap"):
        read_entry("an.id", Contract.OPAMP, [dict(after), dict(before)])


def test_links_lead_to_the_version() -> None:
    for version in SpecVersion:
        assert f"/{version.tag}/specification.md" in load_ledger(version)["auth.401"].link
    newer = load_ledger(OLDEST)["size.http.server-413"]
    assert "/v0.19.0/" in newer.link
    assert load_ledger(NEWEST)["config-objects.empty-key"].link.endswith("/v0.20.0/proto/opamp/v1/opamp.proto")


@pytest.mark.parametrize(("version", "role"), [("0.18", ""), ("0.19", "main"), ("0.20", "main")])
def test_the_mock_server_speaks_a_version(version: str, role: str) -> None:
    with MockServer(Settings(spec_version=version, control=True)) as server:
        agent = "01" * 16
        file = {"body": "", "role": "main"}
        ask(server, "PUT", f"/agents/{agent}/remote_config", {"config_map": {"": file}})
        capabilities = pb.AgentCapabilities_ReportsStatus | pb.AgentCapabilities_AcceptsRemoteConfig
        message = pb.AgentToServer(instance_uid=bytes.fromhex(agent), capabilities=capabilities)
        reply = send(server.url, message)
        assert reply.remote_config.config.config_map[""].role == role


ABOUT_SIZE = ("run", "--only", "size.*", "--only", "http.respond-each")


def test_what_is_newer_is_checked_but_not_scored(cli: Cli, tmp_path: Path) -> None:
    events, junit = tmp_path / "run.jsonl", tmp_path / "junit.xml"
    old = cli(*ABOUT_SIZE, "--jsonl", events, "--junit", junit, timeout=120)
    assert old.returncode == 0
    assert "not scored: 15 passed" in old.stdout
    assert "OpAMP v0.18.0" in old.stdout
    assert "new in v0.19.0: passed" in junit.read_text()
    assert 'name="specification" value="v0.18.0"' in junit.read_text()
    new = cli(*ABOUT_SIZE, "--spec-version", "0.20", "--jsonl", tmp_path / "new.jsonl", timeout=120)
    assert "not scored" not in new.stdout
    assert "OpAMP v0.20.0" in new.stdout
    assert "17 passed" in new.stdout
    refused = cli("diff", events, tmp_path / "new.jsonl")
    assert refused.returncode == 2
    assert "--across-versions" in one_line(refused)
    assert cli("diff", "--across-versions", events, tmp_path / "new.jsonl").returncode == 0


def test_a_run_of_nothing_but_newer_parts_says_so(cli: Cli) -> None:
    result = cli("run", "--only", "size.*")
    assert result.returncode == 2
    assert "--spec-version 0.19" in one_line(result)


@pytest.mark.parametrize(
    ("version", "requirement"), [("0.20", "config-files.keys-are-names"), ("0.18", "size.http.server-413")]
)
def test_a_profile_may_name_what_a_version_does_not_have(
    cli: Cli, tmp_path: Path, version: str, requirement: str
) -> None:
    profile = tmp_path / "known.toml"
    profile.write_text(f'[[known]]\nrequirements = ["{requirement}"]\nbecause = "in another version"\n')
    result = cli("run", "--profile", profile, "--spec-version", version, "--transport", "http", timeout=120)
    assert result.returncode == 0, result.stdout[-2000:]


def test_lists_and_the_book_mark_what_is_newer(cli: Cli, tmp_path: Path) -> None:
    assert "MUST, new in v0.19.0" in cli("list", "size.http.server-413").stdout
    assert "new in" not in cli("list", "--spec-version", "0.20", "size.http.server-413").stdout
    assert cli("list", "config-files.empty-name").returncode == 0
    assert cli("list", "--spec-version", "0.20", "config-files.empty-name").returncode == 2
    for version, is_marked in ((DEFAULT_VERSION, True), (NEWEST, False)):
        assert cli("book", "--spec-version", version, "--html", tmp_path / version).returncode == 0
        page = (tmp_path / version / "message_size.html").read_text()
        assert ("new in v0.19.0" in page) == is_marked


@pytest.mark.parametrize("version", ["0.18", "0.19"])
def test_the_ledger_has_every_sentence_of_a_version(cli: Cli, version: str) -> None:
    path = os.environ.get(f"OPAMP_SPECIFICATION_{version.replace('.', '_')}", "")
    if not path:
        pytest.skip("needs the text of the specification in OPAMP_SPECIFICATION_0_18 and OPAMP_SPECIFICATION_0_19")
    result = cli("ledger", "check", "--spec-version", version, path)
    assert result.stdout == f"no difference from the ledger of v{version}.0\n"
    assert result.returncode == 0


def test_a_newer_text_gives_the_entries_to_write(cli: Cli, tmp_path: Path) -> None:
    text = tmp_path / "specification.md"
    text.write_text("## Songs\n\nThe Server MUST NOT sing\nat night.\n")
    result = cli("ledger", "check", "--spec-version", "0.20", text)
    assert result.returncode == 1
    assert 'level = "MUST-NOT"' in result.stdout
    assert 'section = "songs"\nline = "3-4"\nsince = "0.20"' in result.stdout
