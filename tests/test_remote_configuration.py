"""Remote configuration, from the operator to agents that nobody here wrote and back: offered, applied, acknowledged."""

import base64
import json
import urllib.request
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry._opamp.agent import OpAMPAgent
from opentelemetry._opamp.callbacks import MessageData, OpAMPCallbacks
from opentelemetry._opamp.client import OpAMPClient
from opentelemetry._opamp.proto import opamp_pb2

from opamp_mock_server import MockServer
from support.message_lines import AUTHORIZATION, Messages, listening, mock_server
from support.peers import go_programs, running

FILE = "collector.yaml"
OFFERS = ("receivers: {}", "receivers: {otlp: {}}")


def operate(server: MockServer, method: str, path: str, body: object = None) -> Any:
    request = urllib.request.Request(
        f"{server.control_url}/agents/{path}",
        json.dumps(body).encode() if body is not None else None,
        {"Authorization": AUTHORIZATION},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        text = response.read()
    return json.loads(text) if text else None


def offer_one_after_the_other(server: MockServer, messages: Messages) -> None:
    """Offer two configurations; each must be applied and reported before the next."""
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
    """A client may say first that it is applying."""
    while True:
        status = operate(server, "GET", uid)["status"]["remote_config_status"]
        if status.get("status") == "RemoteConfigStatuses_APPLIED":
            return status
        messages.wait_for(uid, "remote_config_status", "->")


def configure(command: Sequence[object], server: MockServer, messages: Messages) -> None:
    with running(command) as process:
        offer_one_after_the_other(server, messages)
        assert process.stdout is not None
        offered = [json.loads(process.stdout.readline()) for _ in OFFERS]
        assert process.wait(20) == 0
    assert offered == [{FILE: text} for text in OFFERS]


@pytest.mark.go
@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_opamp_go(scheme: str) -> None:
    with listening() as messages, mock_server(control=True) as server:
        url = server.url.replace("http", scheme, 1)
        configure([go_programs() / "configured", url, AUTHORIZATION], server, messages)


class Applies(OpAMPCallbacks):  # type: ignore[misc]
    """Applies whatever it is offered, and says so."""

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


def test_python() -> None:
    with listening() as messages, mock_server(control=True) as server:
        callbacks = Applies()
        client = OpAMPClient(
            endpoint=server.url,
            headers={"Authorization": AUTHORIZATION},
            timeout_millis=5000,
            agent_identifying_attributes={"service.name": "python-agent"},
        )
        agent = OpAMPAgent(interval=0.2, callbacks=callbacks, client=client)
        agent.start()
        offer_one_after_the_other(server, messages)
        agent.stop()
        assert callbacks.offered == list(OFFERS)
