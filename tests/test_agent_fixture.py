"""The pytest fixtures for tests of agents, used with a real Python agent and with the agent of this project."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import pytest
from opentelemetry._opamp.agent import OpAMPAgent
from opentelemetry._opamp.callbacks import OpAMPCallbacks
from opentelemetry._opamp.client import OpAMPClient
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect

from opamp_conformance.client.agent import EVERY_CAPABILITY, REQUEST_INSTANCE_UID, Agent
from opamp_mock_server import DeviationError
from opamp_mock_server.testing import IncapableAgentError, OpampServer, Package, UnknownNameError
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb

Send = Callable[[pb.AgentToServer], pb.ServerToAgent]


@contextmanager
def speaking(server: OpampServer) -> Iterator[Send]:
    """Send messages to a server over one HTTP connection."""
    parts = urlsplit(server.url)
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as connection:

        def send(message: pb.AgentToServer) -> pb.ServerToAgent:
            connection.request("POST", parts.path, message.SerializeToString(), {"Content-Type": CONTENT_TYPE})
            return pb.ServerToAgent.FromString(connection.getresponse().read())

        yield send


class Applies(OpAMPCallbacks):  # type: ignore[misc]
    """An application that keeps the configurations that it is offered."""

    def __init__(self) -> None:
        self.configurations: list[dict[str, bytes]] = []

    def on_message(self, agent: object, client: object, message: object) -> None:
        config = message.remote_config  # type: ignore[attr-defined]
        if config is not None:
            self.configurations.append({name: file.body for name, file in config.config.config_map.items()})


def test_a_real_agent(opamp_server: OpampServer) -> None:
    """The example of docs/agent-tests.md."""
    application = Applies()
    client = OpAMPClient(endpoint=opamp_server.url, agent_identifying_attributes={"service.name": "example"})
    agent = OpAMPAgent(interval=0.2, callbacks=application, client=client)
    agent.start()
    try:
        first = opamp_server.expect(agent_description=True)
        [known] = opamp_server.agents.values()
        assert known.instance_uid == first.instance_uid

        opamp_server.offer_config({"main.yaml": "logs: debug"})
        opamp_server.expect(lambda message: application.configurations)
        assert application.configurations[0] == {"main.yaml": b"logs: debug"}

        opamp_server.drop_connections()
        opamp_server.expect(within=10)  # It reconnects.
    finally:
        agent.stop()


def test_messages_are_looked_at_once(opamp_server: OpampServer) -> None:
    agent = Agent("fixture")
    with speaking(opamp_server) as send:
        for message in (agent.full_status(), agent.check_in(), agent.check_in()):
            send(message)
    assert opamp_server.expect(sequence_num=2).sequence_num == 2
    assert opamp_server.expect().sequence_num == 3
    assert [message.sequence_num for message in opamp_server.messages] == [1, 2, 3]
    assert [exchanged.reply.instance_uid for exchanged in opamp_server.exchanged] == [agent.instance_uid] * 3
    with pytest.raises(AssertionError, match=r"no such message with health=True came within 0.1 seconds.*none"):
        opamp_server.expect(health=True, within=0.1)


def test_what_came_instead_is_told(opamp_server: OpampServer) -> None:
    with speaking(opamp_server) as send:
        send(Agent("fixture").full_status())
    with pytest.raises(AssertionError, match=r"these came: #1 of [0-9a-f]{32} with agent_description, "):
        opamp_server.expect(agent_disconnect=True, within=0.1)


def test_a_message_may_come_later(opamp_server: OpampServer) -> None:
    def speak() -> None:
        time.sleep(0.2)
        with speaking(opamp_server) as send:
            send(Agent("fixture").full_status())

    speaker = threading.Thread(target=speak)
    speaker.start()
    assert opamp_server.expect(health=True).health.healthy
    speaker.join()


def test_in_a_coroutine(opamp_server: OpampServer) -> None:
    async def work() -> pb.AgentToServer:
        arriving = asyncio.create_task(opamp_server.arrival(sequence_num=1))
        await asyncio.sleep(0.05)
        assert not arriving.done()
        with speaking(opamp_server) as send:
            send(Agent("fixture").full_status())
        return await arriving

    assert asyncio.run(work()).sequence_num == 1


def test_offers_and_commands(opamp_server: OpampServer) -> None:
    agent = Agent("fixture", capabilities=EVERY_CAPABILITY)
    with pytest.raises(ValueError, match="no agent is enrolled yet"):
        opamp_server.offer_config({"a": "b"})
    with speaking(opamp_server) as send:
        send(agent.full_status())
        opamp_server.offer_config({"main.yaml": "logs: debug"})
        offer = send(agent.check_in()).remote_config
        assert offer.config.config_map["main.yaml"].body == b"logs: debug"
        opamp_server.restart(agent.instance_uid)
        assert send(agent.check_in()).HasField("command")
        opamp_server.offer_connection_settings(
            pb.ConnectionSettingsOffers(opamp=pb.OpAMPConnectionSettings(heartbeat_interval_seconds=7))
        )
        assert send(agent.check_in()).connection_settings.opamp.heartbeat_interval_seconds == 7


def test_deviations_are_switched_while_it_runs_also_on_open_connections(opamp_server: OpampServer) -> None:
    agent = Agent("fixture")
    with speaking(opamp_server) as send, connect(opamp_server.websocket_url, compression=None) as websocket:

        def ask() -> bool:
            reply = send(agent.full_status(flags=REQUEST_INSTANCE_UID))
            websocket.send(b"\0" + agent.full_status(flags=REQUEST_INSTANCE_UID).SerializeToString())
            payload = websocket.recv(timeout=5)
            assert isinstance(payload, bytes)
            echoes = {
                one.instance_uid == agent.instance_uid for one in (reply, pb.ServerToAgent.FromString(payload[1:]))
            }
            assert len(echoes) == 1
            return echoes.pop()

        assert ask()
        with opamp_server.deviating("fleet.request-uid.echo"):
            assert not ask()
        assert ask()
        opamp_server.deviate("fleet.request-uid.echo")
        assert not ask()
        opamp_server.deviate("http.response-compression")
        assert ask()
    with pytest.raises(UnknownNameError):
        opamp_server.deviate("nonesuch")
    with pytest.raises(DeviationError):
        opamp_server.deviate("fleet.document.kind")


def test_connections_are_dropped(opamp_server: OpampServer) -> None:
    with speaking(opamp_server) as send, connect(opamp_server.websocket_url, compression=None) as websocket:
        send(Agent("fixture").full_status())
        opamp_server.drop_connections()
        with pytest.raises(Exception, match="no close frame"):
            websocket.recv(timeout=5)
        with pytest.raises((ConnectionError, HTTPException)):
            send(Agent("fixture").full_status())


def test_everything_is_forgotten(opamp_server: OpampServer) -> None:
    with speaking(opamp_server) as send:
        yet_to_come = Agent("fixture", capabilities=EVERY_CAPABILITY)
        opamp_server.restart(yet_to_come.instance_uid)
        send(Agent("fixture").full_status())
        assert len(opamp_server.agents) == 1
        opamp_server.forget()
        assert not send(yet_to_come.full_status()).HasField("command")
        opamp_server.forget()
        assert not opamp_server.agents
        assert not opamp_server.messages
        send(Agent("fixture").full_status())
    assert opamp_server.expect().sequence_num == 1


@pytest.mark.opamp_server(enrollment_keys=("secret",))
def test_settings_are_marked(opamp_server: OpampServer) -> None:
    parts = urlsplit(opamp_server.url)
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as connection:
        connection.request("POST", parts.path, b"", {"Content-Type": CONTENT_TYPE})
        assert connection.getresponse().status == 401


def test_one_for_the_session(opamp_session_server: OpampServer, opamp_server: OpampServer) -> None:
    assert opamp_session_server.url != opamp_server.url


def test_in_somebody_elses_tests(pytester: pytest.Pytester) -> None:
    """The plugin provides the fixtures, and nothing else of the suite."""
    pytester.makepyfile(
        """
        def test_it(opamp_server):
            assert opamp_server.url.startswith("http://127.0.0.1:")
            assert not opamp_server.messages
        """
    )
    result = pytester.runpytest_subprocess("-q", "--strict-markers", "-W", "error")
    result.assert_outcomes(passed=1)


def test_waiting_does_not_depend_on_the_clock_that_a_test_replaces(
    opamp_server: OpampServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def speak() -> None:
        with speaking(opamp_server) as send:
            send(Agent("fixture").full_status())

    monkeypatch.setattr(time, "monotonic", itertools.count(0, 100).__next__)
    speaker = threading.Timer(0.3, speak)
    speaker.start()
    assert opamp_server.expect(health=True, within=5).health.healthy
    speaker.join()


STRICT = """
import urllib.request
import pytest

def send(url, capabilities):
    message = b"\\x0a\\x10" + b"a" * 16 + b"\\x1a\\x00\\x20" + capabilities
    urllib.request.urlopen(urllib.request.Request(url, message, {"Content-Type": "application/x-protobuf"})).read()

@pytest.mark.opamp_server(strict=True)
def test_right(opamp_server):
    send(opamp_server.url, b"\\x01")

@pytest.mark.opamp_server(strict=True)
def test_wrong(opamp_server):
    send(opamp_server.url, b"\\x02")

def test_wrong_and_not_strict(opamp_server):
    send(opamp_server.url, b"\\x02")
"""


def test_a_strict_fixture_fails_a_test_whose_agent_breaks_a_must(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(STRICT)
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*failure: capabilities.agent.reports-status-bit*"])


def test_names_that_do_not_exist_are_told(opamp_server: OpampServer) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'health'"):
        opamp_server.expect(helth=True)
    with pytest.raises(UnknownNameError, match=r"did you mean 'fleet\.request-uid\.echo'"):
        opamp_server.deviate("fleet.request-uid.eco")
    with pytest.raises(UnknownNameError, match="'overloaded', 'failing'"):
        opamp_server.fail_next("tired")


def test_an_unknown_setting_in_the_marker_is_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.opamp_server(enrolment_keys=("a",))
        def test_it(opamp_server):
            pass
        """
    )
    result = pytester.runpytest_subprocess("-q")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*no field of Settings 'enrolment_keys'; did you mean 'enrollment_keys'?*"])


@pytest.mark.opamp_server(custom_capabilities=("org.example/echo",))
def test_packages_custom_messages_and_faults(opamp_server: OpampServer) -> None:
    agent = Agent("able", capabilities=EVERY_CAPABILITY)
    with speaking(opamp_server) as send:
        send(agent.full_status())
        opamp_server.offer_packages({"plugin": Package(pb.PackageType_TopLevel, "1.0", b"the file")})
        offered = send(agent.check_in()).packages_available
        assert offered.packages["plugin"].version == "1.0"
        announced = agent.check_in()
        announced.custom_capabilities.capabilities.append("org.example/echo")
        send(announced)
        opamp_server.send_custom_message(pb.CustomMessage(capability="org.example/echo", type="t", data=b"d"))
        assert send(agent.check_in()).custom_message.data == b"d"
        opamp_server.fail_next("overloaded")
        assert send(agent.check_in()).error_response.type == pb.ServerErrorResponseType_Unavailable


def test_an_agent_that_cannot_take_an_offer_is_told(opamp_server: OpampServer) -> None:
    with speaking(opamp_server) as send:
        send(Agent("unable").full_status())
    with pytest.raises(IncapableAgentError, match="does not announce AcceptsRemoteConfig"):
        opamp_server.offer_config({"": "x"})
    with pytest.raises(IncapableAgentError, match="AcceptsRestartCommand"):
        opamp_server.restart()
    with pytest.raises(IncapableAgentError, match="AcceptsOpAMPConnectionSettings, ReportsOwnLogs"):
        opamp_server.offer_connection_settings(
            pb.ConnectionSettingsOffers(
                opamp=pb.OpAMPConnectionSettings(heartbeat_interval_seconds=5),
                own_logs=pb.TelemetryConnectionSettings(destination_endpoint="http://127.0.0.1:1"),
            )
        )


def test_the_transport_and_the_end_of_one_connection(opamp_server: OpampServer) -> None:
    agent, other = Agent("fixture"), Agent("other")
    with pytest.raises(ValueError, match="has no WebSocket"):
        opamp_server.close_connection(agent.instance_uid)
    with speaking(opamp_server) as send, connect(opamp_server.websocket_url) as websocket:
        send(other.full_status())
        websocket.send(b"\0" + agent.full_status().SerializeToString())
        websocket.recv(timeout=5)
        opamp_server.close_connection(agent.instance_uid)
        with pytest.raises(ConnectionClosedOK):
            websocket.recv(timeout=5)
        send(other.check_in())
    kinds = [event.kind for event in opamp_server.transport]
    assert kinds.count("opened") == kinds.count("closed") == 1
    assert kinds.count("request") == kinds.count("response") == 2
    first = next(event for event in opamp_server.transport if event.kind == "received")
    assert first.data[1:] == opamp_server.messages[1].SerializeToString()
    opamp_server.forget()
    assert "received" not in [event.kind for event in opamp_server.transport]
