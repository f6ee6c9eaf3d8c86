"""The control plane of the mock server: its resources, its OpenAPI description, and the requests that it refuses."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from google.protobuf.message import DecodeError
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, Agent
from opamp_mock_server import DEVIATIONS, DeviationError, MockServer, Settings
from opamp_mock_server.control import agent as agent_control
from opamp_mock_server.control import server as server_control
from opamp_mock_server.instances import Instances
from opamp_mock_server.stores.fleet_documents import FleetDocuments
from opamp_proto import anyvalue_pb2 as any_pb
from support.http_requests import ControlError, ask, send, status_of

KEY = "c2VjcmV0LWtleQ"
UNKNOWN = "00" * 16


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer(Settings(control=True)) as server:
        yield server


# ---- one agent


def test_a_message_with_very_many_parts_is_shown_without_them(server: MockServer) -> None:
    """An empty part has two bytes in a message, and a hundred when it is decoded."""
    agent = Agent("parts")
    message = agent.full_status()
    message.agent_description.non_identifying_attributes.extend([any_pb.KeyValue()] * 200_000)
    send(server.url, message)
    uid = agent.instance_uid.hex()
    assert ask(server, "GET", f"/agents/{uid}")["status"].keys() == {"instance_uid", "sequence_num", "capabilities"}
    [listed] = ask(server, "GET", f"/messages?agent={uid}")["messages"]
    assert "agent_description" not in listed["received"]
    assert listed["sent"]["instance_uid"]


def test_the_control_plane_is_off_by_default() -> None:
    with MockServer() as server:
        server.control_url = server.url.replace("/v1/opamp", "/control")
        assert status_of(server, "GET", f"/agents/{UNKNOWN}") == 404
        assert status_of(server, "GET", "/") == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"agents/{UNKNOWN}", b"", 404),
        ("GET", "agents/xyz", b"", 400),
        ("GET", "fleets/1", b"", 404),
        ("GET", f"agents/{UNKNOWN}/nonesuch", b"", 404),
        ("PATCH", f"agents/{UNKNOWN}", b"", 405),
        ("PUT", f"agents/{UNKNOWN}/remote_config", b"{", 400),
        ("PUT", f"agents/{UNKNOWN}/remote_config", b'""', 400),
        ("PUT", f"agents/{UNKNOWN}/remote_config", b"\xff", 400),
        ("PUT", f"agents/{UNKNOWN}/remote_config", b'{"nonesuch": 1}', 400),
        ("PUT", f"agents/{UNKNOWN}/packages", b"[]", 400),
        ("PUT", f"agents/{UNKNOWN}/packages", b'{"p": {"type": "x", "version": "1", "content": "!"}}', 400),
        (
            *("PUT", f"agents/{UNKNOWN}/packages"),
            *(b'{"p": {"type": "PackageType_TopLevel", "version": {}, "content": ""}}', 400),
        ),
        ("POST", f"agents/{UNKNOWN}/fault", b'{"kind": "none"}', 400),
        ("DELETE", f"agents/{UNKNOWN}/connection", b"", 404),
        ("DELETE", f"agents/{UNKNOWN}", b"", 204),
        ("POST", f"agents/{UNKNOWN}/commands", b"{}", 204),
        (
            "PUT",
            f"agents/{UNKNOWN}/packages",
            rb'{"p": {"type": "PackageType_TopLevel", "version": "\ud800", "content": ""}}',
            400,
        ),
        ("PUT", f"agents/{UNKNOWN}/remote_config", rb'{"\ud800": 1}', 400),
        ("GET", "agents/" + "0%20" * 16, b"", 400),
        ("GET", "/agents", b"", 404),
        ("GET", "agents/", b"", 400),
        ("POST", "messages/", b"", 404),
        ("POST", "agents", b"", 405),
        ("GET", "agents?limit=0", b"", 400),
        ("GET", "agents?limit=1.5", b"", 400),
        ("GET", "agents?limit=9999999999999999", b"", 400),
        ("GET", "agents?after=1", b"", 400),
        ("GET", "messages?within=-1", b"", 400),
        ("GET", "messages?within=nan", b"", 400),
        ("GET", "messages?after=-1", b"", 400),
        ("GET", "messages?has=nonesuch", b"", 400),
        ("PUT", "deviations", b'{"active": "fleet.request-uid.echo"}', 400),
        ("PUT", "deviations", b'{"active": ["nonesuch"]}', 400),
        ("PUT", "deviations", b'{"active": ["fleet.document.kind"]}', 400),
    ],
)
def test_status_codes(method: str, path: str, body: bytes, status: int) -> None:
    with MockServer(Settings(control=True, enrollment_keys=(KEY,))) as server:
        assert status_of(server, method, f"/{path}", body) == 401
        key = {"Authorization": f"ApiKey {KEY}"}
        if status == 204:
            assert ask(server, method, f"/{path}", body, key) is None
        else:
            assert status_of(server, method, f"/{path}", body, key) == status


# ---- the whole server


def test_agents_are_listed_in_pages(server: MockServer) -> None:
    fleet = sorted((Agent("control") for _ in range(3)), key=lambda agent: agent.instance_uid)
    for agent in reversed(fleet):
        send(server.url, agent.full_status())
    uids = [agent.instance_uid.hex() for agent in fleet]
    first = ask(server, "GET", "/agents?limit=2")
    assert [agent["instance_uid"] for agent in first["agents"]] == uids[:2]
    assert first["total"] == 3
    rest = ask(server, "GET", f"/agents?after={uids[1]}")
    assert [agent["instance_uid"] for agent in rest["agents"]] == uids[2:]
    assert rest["agents"][0] == ask(server, "GET", f"/agents/{uids[2]}")


def echoes(server: MockServer) -> bool:
    agent = Agent("control")
    return send(server.url, agent.full_status(flags=REQUEST_INSTANCE_UID)).instance_uid == agent.instance_uid


def test_deviations_are_activated_and_reset() -> None:
    initial = DEVIATIONS["capabilities.server.undefined-bits-zero"]
    with MockServer(Settings(control=True, deviations=(initial,))) as server:
        listed = ask(server, "GET", "/deviations")
        assert listed["active"] == [initial.id]
        assert listed["known"] == {deviation.id: deviation.summary for deviation in DEVIATIONS.values()}
        assert echoes(server)
        ask(server, "PUT", "/deviations", {"active": ["fleet.request-uid.echo"]})
        assert ask(server, "GET", "/deviations")["active"] == ["fleet.request-uid.echo"]
        assert not echoes(server)
        assert send(server.url, Agent("control").full_status()).capabilities & 0x80 == 0
        ask(server, "POST", "/reset")
        assert ask(server, "GET", "/deviations")["active"] == [initial.id]
        assert echoes(server)
        assert send(server.url, Agent("control").full_status()).capabilities & 0x80
        ask(server, "PUT", "/deviations", {"active": []})
        assert ask(server, "GET", "/deviations")["active"] == []


def test_every_deviation_can_be_activated_while_agents_are_connected(
    server: MockServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Agents may see errors, but no exception is logged in the server."""
    for deviation in DEVIATIONS.values():
        agent = Agent("control")
        with connect(server.url.replace("http", "ws", 1), compression=None) as websocket:

            def send_report(websocket: ClientConnection = websocket, agent: Agent = agent) -> None:
                websocket.send(b"\0" + agent.full_status().SerializeToString())
                with suppress(ConnectionClosed, TimeoutError):
                    websocket.recv(timeout=0.5)

            send_report()
            if issubclass(deviation.change, (Instances, FleetDocuments)):
                with pytest.raises(DeviationError):
                    server.deviate([deviation])
            else:
                server.deviate([deviation])
            send_report()
        with suppress(OSError, HTTPException, DecodeError):
            send(server.url, agent.check_in())
        server.deviate([])
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert echoes(server)


def test_a_suggestion_for_a_mistyped_deviation(server: MockServer) -> None:
    with pytest.raises(ControlError, match=r"'fleet\.request-uid\.echo'"):
        ask(server, "PUT", "/deviations", {"active": ["fleet.request-uid.eho"]})
    with pytest.raises(ControlError, match=r"''\n"):
        ask(server, "PUT", "/deviations", {"active": [""]})


def test_deviations_of_instances_cannot_be_deactivated() -> None:
    fixed = DEVIATIONS["fleet.instances.check-in"]
    with MockServer(Settings(control=True, deviations=(fixed,), instances=2)) as server:
        ask(server, "PUT", "/deviations", {"active": ["fleet.request-uid.echo", "fleet.request-uid.echo"]})
        assert ask(server, "GET", "/deviations")["active"] == [fixed.id, "fleet.request-uid.echo"]
        assert not echoes(server)
        [server.url] = server.other_urls
        assert not echoes(server)
        server.deviate([])
        assert echoes(server)


@pytest.mark.parametrize("request_line", [("DELETE", "/connections"), ("POST", "/reset")])
def test_connections_of_agents_are_dropped(server: MockServer, request_line: tuple[str, str]) -> None:
    """This includes a connection without any request. The connection of an operator stays open."""
    parts = urlsplit(server.url)
    with (
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as silent,
        closing(HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as operator,
        connect(server.url.replace("http", "ws", 1), compression=None) as websocket,
    ):
        operator.request("GET", "/control/agents")
        operator.getresponse().read()
        operator_socket = operator.sock
        ask(server, *request_line)
        with pytest.raises(ConnectionClosedError):
            websocket.recv(timeout=5)
        with suppress(ConnectionResetError):
            assert silent.recv(1) == b""
        operator.request("GET", "/control/agents")
        assert operator.getresponse().status == 200
        assert operator.sock is operator_socket


def test_connections_are_dropped_from_python(server: MockServer) -> None:
    with connect(server.url.replace("http", "ws", 1), compression=None) as websocket:
        server.drop_connections()
        with pytest.raises(ConnectionClosedError):
            websocket.recv(timeout=5)


def test_reset_restores_the_initial_state(server: MockServer) -> None:
    agent = Agent("control", capabilities=0xFFFF)
    send(server.url, agent.full_status())
    ask(server, "POST", f"/agents/{agent.instance_uid.hex()}/commands", {})
    ask(server, "POST", "/reset")
    assert ask(server, "GET", "/agents") == {"agents": [], "total": 0}
    assert ask(server, "GET", "/messages") == {"messages": [], "oldest": 2, "newest": 1}
    assert not send(server.url, agent.full_status()).HasField("command")
    assert ask(server, "GET", "/messages?after=1")["messages"][0]["number"] == 2


# ---- the OpenAPI description


def test_openapi_describes_exactly_the_existing_resources(server: MockServer) -> None:
    described = {
        (method.upper(), path)
        for path, item in ask(server, "GET", "/openapi.json")["paths"].items()
        for method in item
        if method != "parameters"
    }
    of_agents = {
        (method, "/".join(filter(None, ("/agents/{instance_uid}", resource))))
        for method, resource in agent_control.HANDLERS
    }
    of_server = {(method, f"/{resource}") for method, resource in server_control.HANDLERS}
    assert described == of_agents | of_server


def test_responses_match_the_openapi_description(server: MockServer, tmp_path: Path) -> None:
    """schemathesis generates valid and invalid requests from the description."""
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    send(server.url, Agent("control").full_status())
    assert server.control_url is not None
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.control_url}/openapi.json"),
        *("--url", server.control_url, "--max-examples", "10", "--seed", "7", "--phases", "examples,coverage,fuzzing"),
        # The description has no schema for the JSON form of messages, and listMessages waits for as long as requested.
        *("--exclude-checks", "positive_data_acceptance", "--exclude-operation-id", "listMessages"),
        *("--exclude-operation-id", "listTransport"),
    ]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout[-5000:]
    assert "Tested: 20" in result.stdout


# ---- requests of pages of other origins


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://[x"},
        {"Host": "elsewhere.example"},
        {"Host": "elsewhere.example", "Origin": "http://elsewhere.example"},
        {"Host": "127.0.0.1.elsewhere.example:1"},
        {"Host": "["},
        {"Host": ""},
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_requests_of_other_origins_are_refused(host: str, headers: dict[str, str]) -> None:
    """This holds for each listening address. With enrollment keys, any host name is accepted: a page would need a key."""
    with MockServer(Settings(control=True, host=host)) as server:
        server.control_url = (server.control_url or "").replace("0.0.0.0", "127.0.0.1")
        assert status_of(server, "POST", "/reset", b"", headers) == 403
        assert status_of(server, "GET", "/messages", None, headers) == 403
    if "Origin" not in headers and "." in headers["Host"]:
        key = {"Authorization": f"ApiKey {KEY}"}
        with MockServer(Settings(control=True, enrollment_keys=(KEY,))) as server:
            assert ask(server, "POST", "/reset", b"", {**headers, **key}) is None


@pytest.mark.parametrize("host", ["localhost:1", "[::1]:4320", "10.1.2.3", "mock:4320"])
def test_addresses_and_local_names_are_accepted_as_host(server: MockServer, host: str) -> None:
    assert ask(server, "POST", "/reset", b"", {"Host": host}) is None
    own = {"Origin": (server.control_url or "").removesuffix("/control")}
    assert ask(server, "POST", "/reset", b"", own) is None


def test_an_offer_that_an_agent_cannot_take_waits_for_its_capability(server: MockServer) -> None:
    agent = Agent("unable")
    send(server.url, agent.full_status())
    uid = agent.instance_uid.hex()
    path = f"/agents/{uid}/remote_config"
    assert ask(server, "PUT", path, {}) == {"waits_for": ["AcceptsRemoteConfig"]}
    assert ask(server, "POST", f"/agents/{uid}/commands", {}) == {"waits_for": ["AcceptsRestartCommand"]}
    assert ask(server, "PUT", f"/agents/{'0' * 32}/remote_config", {}) is None


def test_the_desired_state_of_an_agent_is_shown(server: MockServer) -> None:
    agent = f"/agents/{'0a' * 16}"
    nothing = ask(server, "GET", f"{agent}/desired")
    assert not any(nothing.values())
    files = {"config_map": {"a.yaml": {"body": "YTog"}}}
    settings = {"opamp": {"destination_endpoint": "http://127.0.0.1:1"}}
    package = {"type": "PackageType_TopLevel", "version": "2", "content": "YTog"}
    ask(server, "PUT", f"{agent}/remote_config", files)
    ask(server, "PUT", f"{agent}/connection_settings", settings)
    ask(server, "PUT", f"{agent}/packages", {"p": package})
    ask(server, "POST", f"{agent}/commands", {"type": "CommandType_Restart"})
    ask(server, "POST", f"{agent}/fault", {"kind": "failing"})
    assert ask(server, "GET", f"{agent}/desired") == {
        "remote_config": files,
        "connection_settings": settings,
        "packages": {"p": "2"},
        "custom_messages": [],
        "restart": True,
        "fault": "failing",
    }
