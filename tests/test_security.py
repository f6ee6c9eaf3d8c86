"""Authentication, policies, TLS and secrets in the mock server."""

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, Agent
from opamp_mock_server import DEFAULT_POLICY, KeyFileError, MockServer, Settings, Tls
from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import FleetCore
from opamp_mock_server.limits.authentication import FileAuthenticator
from opamp_mock_server.stores import redaction
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb
from support.command_line import Cli, one_line
from support.http_requests import send

BAD_REQUEST = pb.ServerErrorResponseType_BadRequest


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.write_text("# the fleet's keys\nkey-a policy-a\nkey-b policy-b\n\nkey-c\n")
    return file


@pytest.fixture
def server(keys: Path) -> Iterator[MockServer]:
    with MockServer(Settings(enrollment_key_file=keys)) as server:
        yield server


def is_refused(url: str, key: str) -> bool:
    try:
        send(url, Agent("run").full_status(), key=key)
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
        return True
    return False


# ---- keys


def test_keys_are_revoked_and_added_while_the_server_runs(server: MockServer, keys: Path) -> None:
    assert not is_refused(server.url, "key-a")
    assert is_refused(server.url, "key-d")
    keys.write_text("key-d policy-a\n")
    assert is_refused(server.url, "key-a")
    assert not is_refused(server.url, "key-d")


def test_a_missing_key_file_refuses_all_clients(server: MockServer, keys: Path) -> None:
    text = keys.read_text()
    keys.unlink()
    assert is_refused(server.url, "key-a")
    keys.write_text(text)
    assert not is_refused(server.url, "key-a")


def test_a_websocket_is_closed_when_its_key_is_revoked(server: MockServer, keys: Path) -> None:
    agent = Agent("run")
    url = server.url.replace("http", "ws", 1)
    with connect(url, additional_headers={"Authorization": "ApiKey key-a"}, compression=None) as websocket:
        websocket.send(b"\0" + agent.full_status().SerializeToString())
        assert websocket.recv(timeout=10)
        keys.write_text("key-b policy-b\n")
        websocket.send(b"\0" + agent.check_in().SerializeToString())
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize("text", ["key policy namespace something", "k\N{LATIN SMALL LETTER E WITH ACUTE}y policy"])
def test_an_invalid_key_file_is_an_error(keys: Path, text: str, cli: Cli) -> None:
    keys.write_text(text, encoding="utf-8")
    with pytest.raises(KeyFileError):
        FileAuthenticator(keys)
    result = cli("serve", "--port", "0", "--enrollment-key-file", keys)
    assert result.returncode == 2
    assert text not in one_line(result)


def test_a_key_without_a_policy_has_the_default_policy(keys: Path) -> None:
    authenticator = FileAuthenticator(keys)
    policies = [authenticator.policy_of(f"ApiKey {key}".encode()) for key in ("key-a", "key-b", "key-c", "key-")]
    assert policies == ["policy-a", "policy-b", DEFAULT_POLICY, None]


# ---- policies


@pytest.mark.parametrize("compose", [Agent.check_in, Agent.full_status, Agent.disconnect])
def test_a_key_of_another_policy_cannot_use_an_agent(
    server: MockServer, compose: Callable[[Agent], pb.AgentToServer]
) -> None:
    agent = Agent("run")
    assert not send(server.url, agent.full_status(), key="key-a").HasField("error_response")
    assert send(server.url, compose(agent.clone()), key="key-b").error_response.type == BAD_REQUEST
    assert not send(server.url, compose(agent), key="key-a").HasField("error_response")


def test_a_request_with_a_key_of_another_policy_enrolls_under_that_policy(server: MockServer) -> None:
    agent = Agent("run")
    send(server.url, agent.full_status(), key="key-a")
    reply = send(server.url, agent.clone().full_status(flags=REQUEST_INSTANCE_UID), key="key-b")
    successor = Agent("run", reply.agent_identification.new_instance_uid)
    assert send(server.url, successor.check_in(), key="key-a").error_response.type == BAD_REQUEST
    assert not send(server.url, successor.check_in(), key="key-b").HasField("error_response")
    assert not send(server.url, agent.check_in(), key="key-a").HasField("error_response")


@pytest.mark.parametrize(("policy_id", "is_marked"), [("policy-a", True), ("policy-b", False)])
def test_only_a_key_of_its_policy_marks_the_old_record_of_an_agent(policy_id: str, is_marked: bool) -> None:
    agent = Agent("run")
    known = AgentRecord(agent.instance_uid, 1, policy_id="policy-a")
    outcome = FleetCore().answer(known, agent.full_status(flags=REQUEST_INSTANCE_UID), policy_id=policy_id)
    assert outcome.reply.agent_identification.new_instance_uid
    assert (outcome.old_record is not None) is is_marked


# ---- TLS


@pytest.mark.parametrize("lowest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_older_versions_of_tls_are_refused(tmp_path: Path, lowest: ssl.TLSVersion) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(cert)
    certificate.private_key_pem.write_to_path(key)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with MockServer(Settings(tls=Tls(cert, key, lowest=lowest))) as server:
        request = urllib.request.Request(server.url, Agent("run").full_status().SerializeToString())
        request.add_header("Content-Type", CONTENT_TYPE)
        assert urllib.request.urlopen(request, context=context, timeout=10).status == 200
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        if lowest is ssl.TLSVersion.TLSv1_2:
            assert urllib.request.urlopen(request, context=context, timeout=10).status == 200
            return
        with pytest.raises(urllib.error.URLError, match="SSL"):
            urllib.request.urlopen(request, context=context, timeout=10)


# ---- stored secrets


def test_secrets_in_a_configuration_are_redacted() -> None:
    text = b"""
exporters:
  otlp: {endpoint: "a:1", headers: {Authorization: Bearer abc, x-api-key: abc}}
receivers:
  - {password: abc, user: me}
  - passphrase: |
      abc
      abc
service: {telemetry: {tokens: [abc, abc], certificate: {pem: abc}}}
"""
    cleaned = redaction.configuration(text)
    assert "abc" not in str(cleaned)
    assert cleaned == {
        "exporters": {
            "otlp": {
                "endpoint": "a:1",
                "headers": {"Authorization": "REDACTED", "x-api-key": "REDACTED"},
            }
        },
        "receivers": [{"password": "REDACTED", "user": "me"}, {"passphrase": "REDACTED"}],
        "service": {"telemetry": {"tokens": "REDACTED", "certificate": "REDACTED"}},
    }


@pytest.mark.parametrize(
    "body",
    [
        b"password abc",
        b"{password: abc",
        b"- password: abc",
        b"\xff\xfe\0abc",
        b"!!python/object/apply:os.system [abc]",
        b"[" * 5000 + b"abc",
        b"a: &a {password: abc}\nb: !unknown abc",
    ],
)
def test_an_invalid_configuration_is_not_stored(body: bytes) -> None:
    assert "abc" not in str(redaction.configuration(body))


def test_an_exponentially_growing_configuration_is_not_stored() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    cleaned = redaction.configuration("\n".join(lines).encode())  # Its 10^10 nodes would take hours.
    assert isinstance(cleaned, str)


def test_secrets_in_attributes_are_not_stored() -> None:
    status = Agent("run").full_status()
    values = status.agent_description.non_identifying_attributes
    values.add(key="service.token").value.string_value = "abc"
    values.add(key="list").value.array_value.values.add().kvlist_value.values.add(
        key="secret"
    ).value.string_value = "abc"
    redaction.cleaned(status)
    assert b"abc" not in status.SerializeToString()


@pytest.mark.parametrize(
    "body",
    [
        b"a: " + b":".join([b"59"] * 80_000),
        b"a: " + b"9" * 200_000,
        b"a: 0x" + b"f" * 200_000,
        b"a: &a [x]\n" + b"".join(b"k%d: *a\n" % number for number in range(10_000)),
        b"a: &a {x: 1}\n" + b"".join(b"b%d: {<<: *a}\n" % number for number in range(8_000)),
        b"? " + b"a" * 200_000 + b"\n: b\n",
        b"[" * 100_000,
        b"a: " + b"{a: " * 50_000,
        b"a: !!python/object/apply:os.system ['true']",
    ],
    ids=["base-60", "long-number", "long-hex", "aliases", "merges", "long-key", "deep", "deep-maps", "python-object"],
)
def test_a_hostile_configuration_is_read_as_fast_as_an_ordinary_one(body: bytes) -> None:
    """Each of them has less than 256 KiB; to read it must not hold up other agents."""
    ordinary = b"".join(b"b%d: {x: 1}\n" % number for number in range(16_000))
    assert _seconds_to_read(body) < 3 * _seconds_to_read(ordinary)


def _seconds_to_read(body: bytes) -> float:
    began = time.process_time()
    redaction.configuration(body)
    return time.process_time() - began


def test_numbers_are_read_by_yaml_1_2() -> None:
    text = b"a: 1\nb: 0x10\nc: 1.5\nd: 1e3\ne: yes\nf: true\ng: 10:30:00\nh: ~\n"
    assert redaction.configuration(text) == {
        "a": 1,
        "b": 16,
        "c": 1.5,
        "d": 1000.0,
        "e": "yes",
        "f": True,
        "g": "10:30:00",
        "h": None,
    }
