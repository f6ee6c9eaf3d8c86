"""Remote configuration of OpAMP clients of other projects: it is offered, applied and reported."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry._opamp.agent import OpAMPAgent
from opentelemetry._opamp.callbacks import MessageData, OpAMPCallbacks
from opentelemetry._opamp.client import OpAMPClient
from opentelemetry._opamp.proto import opamp_pb2

from opamp_mock_server import MockServer
from support.http_requests import ask
from support.message_lines import AUTHORIZATION, Messages, listening, mock_server
from support.peers import go_programs, running

FILE = "collector.yaml"
OFFERS = ("receivers: {}", "receivers: {otlp: {}}")


def operate(server: MockServer, method: str, path: str, body: object = None) -> Any:
    return ask(server, method, f"/agents/{path}", body, {"Authorization": AUTHORIZATION})


def offer_all(server: MockServer, messages: Messages) -> None:
    """Offer two configurations. Each must be applied and reported before the next one."""
    uid = messages.wait_for("agent_description").partition(" ")[0]
    hashes = []
    for text in OFFERS:
        files = {FILE: {"body": base64.b64encode(text.encode()).decode(), "content_type": "text/yaml"}}
        operate(server, "PUT", f"{uid}/remote_config", {"config_map": files})
        messages.wait_for(uid, "remote_config_status", "->")
        status = wait_until_applied(server, messages, uid)
        hashes.append(status["last_remote_config_hash"])
    assert len(set(hashes)) == 2


def wait_until_applied(server: MockServer, messages: Messages, uid: str) -> Any:
    """Wait for the status APPLIED. A client may first report that it is applying the configuration."""
    while True:
        status = operate(server, "GET", uid)["status"]["remote_config_status"]
        if status.get("status") == "RemoteConfigStatuses_APPLIED":
            return status
        messages.wait_for(uid, "remote_config_status", "->")


def configure(command: Sequence[object], server: MockServer, messages: Messages) -> None:
    with running(command) as process:
        offer_all(server, messages)
        assert process.stdout is not None
        offered = [json.loads(process.stdout.readline()) for _ in OFFERS]
        assert process.wait(20) == 0
    assert offered == [{FILE: text} for text in OFFERS]


@pytest.mark.go
@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_the_go_client(scheme: str) -> None:
    with listening() as messages, mock_server(control=True) as server:
        url = server.url.replace("http", scheme, 1)
        configure([go_programs() / "configured", url, AUTHORIZATION], server, messages)


class AppliesAndReports(OpAMPCallbacks):  # type: ignore[misc]
    """Applies each offered configuration, and reports it."""

    def __init__(self) -> None:
        self.offered: list[str] = []

    def on_message(self, agent: OpAMPAgent, client: OpAMPClient, message: MessageData) -> None:
        if message.remote_config is None:
            return
        self.offered += [file.body.decode() for file in message.remote_config.config.config_map.values()]
        applied = opamp_pb2.RemoteConfigStatuses_APPLIED
        status = client.update_remote_config_status(message.remote_config.config_hash, applied)
        if status is not None:
            agent.send(client.build_remote_config_status_response_message(status))


def test_the_python_client() -> None:
    with listening() as messages, mock_server(control=True) as server:
        callbacks = AppliesAndReports()
        client = OpAMPClient(
            endpoint=server.url,
            headers={"Authorization": AUTHORIZATION},
            timeout_millis=5000,
            agent_identifying_attributes={"service.name": "python-agent"},
        )
        agent = OpAMPAgent(interval=0.2, callbacks=callbacks, client=client)
        agent.start()
        offer_all(server, messages)
        agent.stop()
        assert callbacks.offered == list(OFFERS)
