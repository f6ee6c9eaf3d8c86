"""The client of the target's control plane, with which a scenario triggers offers, commands and faults.

docs/control-plane.md describes the interface for implementers.
"""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from google.protobuf import json_format
from google.protobuf.message import Message

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.client import Client
from opamp_conformance.errors import InconclusiveError, NotApplicableError
from opamp_proto import opamp_pb2 as pb

_NOT_OFFERED: Final = (404, 405, 501)
# A server may take this long to notice that a connection was opened or closed.
_SETTLED_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Package:
    """A package to offer: the name of its PackageType, its version, and the content of its file."""

    type: str
    version: str
    content: bytes


class ControlPlaneClient:
    """Asks the operator's side of a server to act on one agent.

    A request that the control plane does not offer makes the scenario not applicable: NotApplicableError is raised.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._url = client.endpoint.control.rstrip("/") if client.endpoint.control else None
        # Until a record was shown, a 404 may also mean that this control plane shows none.
        self._has_shown = False

    @property
    def is_given(self) -> bool:
        """Whether there is a control plane."""
        return self._url is not None

    def require(self) -> None:
        """Raise NotApplicableError if no control plane was given."""
        if not self.is_given:
            raise NotApplicableError("this scenario needs a control plane that triggers the server (--control)")

    # ---- offers

    def offer_remote_config(self, agent: Agent, files: pb.AgentConfigMap) -> None:
        self._ask("PUT", agent, "remote_config", _json(files))

    def offer_remote_config_with_role(self, agent: Agent, files: pb.AgentConfigMap) -> None:
        """Offer objects with roles; raises NotApplicableError if the control plane does not know roles."""
        try:
            self.offer_remote_config(agent, files)
        except InconclusiveError as error:
            raise NotApplicableError(f"the control plane takes no configuration with roles: {error}") from error

    def offer_connection_settings(self, agent: Agent, settings: pb.ConnectionSettingsOffers) -> None:
        self._ask("PUT", agent, "connection_settings", _json(settings))

    def offer_packages(self, agent: Agent, packages: Mapping[str, Package]) -> None:
        body = {
            name: {
                "type": package.type,
                "version": package.version,
                "content": base64.b64encode(package.content).decode(),
            }
            for name, package in packages.items()
        }
        self._ask("PUT", agent, "packages", json.dumps(body))

    # ---- what the server does once

    def command_restart(self, agent: Agent) -> None:
        self._ask("POST", agent, "commands", _json(pb.ServerToAgentCommand(type=pb.CommandType_Restart)))

    def send_custom_message(self, agent: Agent, capability: str) -> None:
        message = pb.CustomMessage(capability=capability, type="hello", data=b"world")
        self._ask("POST", agent, "custom_messages", _json(message))

    def overload(self, agent: Agent) -> None:
        """Let the server refuse the agent's next message because it is overloaded."""
        self._client.log.findings.conversation.forget(agent.instance_uid)
        self._ask("POST", agent, "fault", json.dumps({"kind": "overloaded"}))

    def fail(self, agent: Agent) -> None:
        """Let the server fail to process the agent's next message."""
        self._client.log.findings.conversation.forget(agent.instance_uid)
        self._ask("POST", agent, "fault", json.dumps({"kind": "failing"}))

    def close_connection(self, agent: Agent) -> None:
        """Let the server close the agent's WebSocket."""
        self._ask("DELETE", agent, "connection")

    # ---- what the server knows

    def record(self, agent: Agent) -> Mapping[str, Any]:
        """Return what the server knows of an agent (docs/control-plane.md); empty if it does not know the agent."""
        status, text = self._exchange("GET", agent, "", None)
        if status == 404 and self._has_shown:
            return {}
        self._check(status, "GET", "record", text)
        self._has_shown = True
        record = json.loads(text)
        return record if isinstance(record, dict) else {}

    def settled_record(self, agent: Agent, *, connected: bool) -> Mapping[str, Any]:
        """Return the record as soon as it says ``connected``; after a second, return it as it is then."""
        end = time.monotonic() + min(self._client.timeout, _SETTLED_SECONDS)
        while bool((record := self.record(agent)).get("connected")) is not connected and time.monotonic() < end:
            time.sleep(0.02)
        return record

    def _ask(self, method: str, agent: Agent, resource: str, body: str | None = None) -> None:
        self._client.log.findings.conversation.offers_change(agent.instance_uid)
        status, text = self._exchange(method, agent, f"/{resource}", body)
        self._check(status, method, resource, text)

    def _check(self, status: int, method: str, resource: str, text: str) -> None:
        if status in _NOT_OFFERED:
            raise NotApplicableError(f"the control plane does not offer {method} {resource}")
        if status >= 400:
            answer = text.strip()[:200]
            raise InconclusiveError(f"the control plane answers {method} {resource} with {status}: {answer}")

    def _exchange(self, method: str, agent: Agent, path: str, body: str | None) -> tuple[int, str]:
        self.require()
        return self._client.run(self._request(method, f"{self._url}/agents/{agent.instance_uid.hex()}{path}", body))

    async def _request(self, method: str, url: str, body: str | None) -> tuple[int, str]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        timeout = aiohttp.ClientTimeout(total=self._client.timeout)
        try:
            async with (
                aiohttp.ClientSession(headers=self._headers(), timeout=timeout, trust_env=False) as session,
                session.request(
                    method, url, data=body, headers=headers, ssl=self._client.tls or True, allow_redirects=False
                ) as response,
            ):
                return response.status, await response.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise InconclusiveError(f"the control plane does not answer: {reason}") from error

    def _headers(self) -> Mapping[str, str]:
        """Return the target's headers if the control plane has the same host and port, else none."""
        endpoint = self._client.endpoint
        return endpoint.headers if urlsplit(endpoint.url)[:2] == urlsplit(self._url or "")[:2] else {}


def _json(message: Message) -> str:
    return json_format.MessageToJson(message, preserving_proto_field_name=True)
