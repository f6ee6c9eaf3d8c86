"""OpAMP clients of other projects, connected to the mock server."""

import json

import pytest
from opentelemetry._opamp.agent import OpAMPAgent
from opentelemetry._opamp.callbacks import OpAMPCallbacks
from opentelemetry._opamp.client import OpAMPClient
from opentelemetry._opamp.proto import opamp_pb2

from opamp_mock_server import DEVIATIONS, MockServer
from support.message_lines import AUTHORIZATION, listening, mock_server
from support.peers import go_programs, node_programs, run


def new_instance_uid_in(line: str) -> str:
    return line.partition("new_instance_uid=")[2].partition(" ")[0]


def broken(server: MockServer) -> set[str]:
    """Return what the agents of a server broke; docs/agents.md has these findings, checked by hand."""
    assert server.judge is not None
    return {finding.requirement for finding in server.judge.findings}


@pytest.mark.node
def test_the_node_client_enrolls_and_checks_in() -> None:
    folder = node_programs()
    with listening() as messages, mock_server(judges_agents=True) as server:
        output = run(["node", folder / "client.js", server.url, AUTHORIZATION])
        lines = [json.loads(line) for line in output.splitlines()]
        uid = lines[0]["sent_as"]
        assert [line["error"] for line in lines] == [None, None]
        assert {line["now"] for line in lines} == {uid}
        messages.wait_for(uid, "agent_description", "-> capabilities")
        messages.wait_for(uid, "#2", "-> acknowledged")
        assert broken(server) == {"http.instance-uid-header"}


@pytest.mark.node
def test_the_node_client_adopts_a_new_instance_uid() -> None:
    """It cannot request one, so this server sends one to every agent that checks in."""
    folder = node_programs()
    with listening() as messages, mock_server(deviations=(DEVIATIONS["fleet.check-in"],)) as server:
        output = run(["node", folder / "client.js", server.url, AUTHORIZATION])
        given = new_instance_uid_in(messages.wait_for("new_instance_uid="))
        assert json.loads(output.splitlines()[-1])["now"] == given


@pytest.mark.go
def test_the_go_client_requests_and_adopts_an_instance_uid_and_checks_in_under_it() -> None:
    with listening() as messages, mock_server(judges_agents=True) as server:
        output = run([go_programs() / "client", server.url, AUTHORIZATION])
        first, second = (json.loads(line) for line in output.splitlines())
        assert first["error"] == second["error"] == ""
        assert first["new_instance_uid"]
        assert second["new_instance_uid"] == ""
        asked = messages.wait_for("agent_description", "flags")
        assert new_instance_uid_in(asked) == first["new_instance_uid"]
        assert not asked.startswith(first["new_instance_uid"])
        messages.wait_for(first["new_instance_uid"], "health")
        assert broken(server) == set()


class KeepsErrors(OpAMPCallbacks):  # type: ignore[misc]
    """Keeps the errors that a Python agent receives."""

    def __init__(self) -> None:
        self.errors: list[object] = []

    def on_error(self, *arguments: object) -> None:
        self.errors.append(arguments)


def python_client(url: str) -> OpAMPClient:
    return OpAMPClient(
        endpoint=url,
        headers={"Authorization": AUTHORIZATION},
        timeout_millis=5000,
        agent_identifying_attributes={"service.name": "python-agent"},
    )


def test_the_python_agent_enrolls_checks_in_and_disconnects() -> None:
    with listening() as messages, mock_server(judges_agents=True) as server:
        callbacks = KeepsErrors()
        agent = OpAMPAgent(interval=0.2, callbacks=callbacks, client=python_client(server.url))
        agent.start()
        enrolled = messages.wait_for("agent_description", "-> ", "capabilities")
        uid = enrolled.partition(" ")[0]
        messages.wait_for(uid, "#", "->")
        agent.stop()
        messages.wait_for(uid, "agent_disconnect", "-> acknowledged")
        assert callbacks.errors == []
        assert broken(server) - {"sequence.increment"} == {"http.instance-uid-header"}


def test_the_python_client_requests_an_instance_uid_and_checks_in_under_it() -> None:
    """It has no calls to request or adopt an instance_uid, so the test changes its messages and its instance_uid."""
    with listening() as messages, mock_server() as server:
        client = python_client(server.url)
        message = opamp_pb2.AgentToServer.FromString(client.build_full_state_message())
        message.flags = opamp_pb2.AgentToServerFlags_RequestInstanceUid
        reply = client.send(message.SerializeToString())
        assert reply.instance_uid == message.instance_uid
        given = reply.agent_identification.new_instance_uid
        assert len(given) == 16

        client._instance_uid = given
        assert client.send(client.build_heartbeat_message()).instance_uid == given
        assert not client.send(client.build_agent_disconnect_message()).HasField("error_response")
        messages.wait_for(given.hex(), "agent_disconnect", "-> acknowledged")
