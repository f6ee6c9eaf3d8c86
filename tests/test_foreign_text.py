"""Text of others in the outputs of a run: terminals and CI servers must not obey it, and it must not hide a secret."""

import base64
import json
import resource
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opamp_conformance.redaction import Redactor
from opamp_conformance.text import printable, printable_lines
from opamp_proto import opamp_pb2 as pb
from support.bad_server import BadServer, acknowledgement, read_request, respond
from support.command_line import Cli

HOSTILE: Final = (
    "\n::error::forged\n  ::set-output name=x::y\n##vso[task.complete]\n##[error]x\n##teamcity[x]\x1b[31m\r\x00"
)


def refusing(message: str) -> Callable[[socket.socket], None]:
    """Return a server that refuses everything with a message."""

    def behave(connection: socket.socket) -> None:
        while request := read_request(connection):
            reply = pb.ServerToAgent.FromString(acknowledgement(request))
            reply.error_response.type = pb.ServerErrorResponseType_BadRequest
            reply.error_response.error_message = message
            respond(connection, reply.SerializeToString())

    return behave


def assert_harmless(output: str) -> None:
    for line in output.split("\n"):
        assert not line.strip().startswith("::"), line
        assert not any(command in line for command in ("##vso[", "##[", "##teamcity[")), line
        assert line.isprintable(), line


@pytest.mark.parametrize("text", [HOSTILE, "::error::x", "   ::error::x", "##[group]x", "##vso[x]y"])
def test_a_printable_text_is_no_command(text: str) -> None:
    assert_harmless(printable(text))
    assert_harmless(printable_lines(text))


def test_an_ordinary_text_stays_as_it_is() -> None:
    for text in ("a::b", "## heading", "expected 3; got é", ""):
        assert printable(text) == text


def test_the_text_of_a_server_is_no_command(cli: Cli) -> None:
    with BadServer(refusing(HOSTILE)) as server:
        result = cli("run", "--url", server.url, "--transport", "http", "--only", "response.*")
        loaded = cli("load", "enrollment", "--url", server.url, "--agents", 3, "--duration", "2s")
    assert result.returncode == 1
    assert_harmless(result.stdout)
    assert_harmless(result.stderr)
    assert_harmless(loaded.stdout)


def _poisoned(value: Any) -> Any:
    """Add hostile text to each text of an event, except to those that have a meaning for programs."""
    match value:
        case str():
            return value + HOSTILE
        case list():
            return [_poisoned(item) for item in value]
        case dict():
            return {key: _poisoned(item) for key, item in value.items()}
        case _:
            return value


def test_a_stream_from_elsewhere_is_no_command(cli: Cli, tmp_path: Path) -> None:
    stream, junit = tmp_path / "run.jsonl", tmp_path / "out.xml"
    with BadServer(refusing("no")) as server:
        cli("run", "--url", server.url, "--transport", "http", "--only", "response.*", "--jsonl", stream)
    kept = {"event", "verdict", "level", "contract", "started_at", "specification", "verdicts", "in_development"}
    lines = []
    for line in stream.read_text().splitlines():
        event = json.loads(line)
        lines.append(json.dumps({key: value if key in kept else _poisoned(value) for key, value in event.items()}))
    stream.write_text("\n".join(lines) + "\n")
    result = cli("report", stream, "--junit", junit, "--html", tmp_path / "out.html")
    assert_harmless(result.stdout)
    assert_harmless(result.stderr)
    assert "forged" in result.stdout
    assert ET.parse(junit).getroot().tag == "testsuites"


def test_a_huge_text_is_shortened(cli: Cli) -> None:
    with BadServer(refusing("x" * 8_000_000)) as server:
        result = cli("run", "--url", server.url, "--transport", "http", "--only", "response.no-error-on-success*")
    assert "(8000000 characters)" in result.stdout
    assert len(result.stdout) < 500_000
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 600 * 1024


# ---- redaction

SECRETS: Final = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=40)
AROUND: Final = st.binary(max_size=5)


@settings(max_examples=200, deadline=None)
@given(SECRETS, AROUND, AROUND)
def test_a_secret_is_redacted_in_every_form(secret: str, before: bytes, after: bytes) -> None:
    redactor = Redactor({"Authorization": f"ApiKey {secret}"})
    inside = before + secret.encode() + after
    for encoded in (
        base64.b64encode(inside).decode(),
        base64.urlsafe_b64encode(inside).decode(),
        inside.hex(),
        inside.hex().upper(),
        quote(inside),
        secret.swapcase(),
    ):
        assert "redacted" in redactor.text(encoded)
    assert secret.encode() not in redactor.data(inside)
    assert secret not in "".join(redactor.headers({f"X-{secret}": "value"}))
