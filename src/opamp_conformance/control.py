"""The control plane of the target: has the server act, so that scenarios can see what it then does.

The interface is described for implementers in docs/control-plane.md.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from google.protobuf import json_format
from google.protobuf.message import Message

from opamp_conformance.client import Client
from opamp_conformance.errors import CannotTell, NotApplicable
from opamp_proto import opamp_pb2 as pb

_NOT_OFFERED: Final = (404, 405, 501)


@dataclass(frozen=True)
class Package:
    """A package to offer: the name of its PackageType, its version and the content of its file."""

    type: str
    version: str
    content: bytes


class Control:
    """Asks the operator's side of a server for one thing at a time.

    What an adapter does not offer makes the scenario not applicable: NotApplicable is raised.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._url = client.endpoint.control.rstrip("/") if client.endpoint.control else None
        # Until a record was shown, a 404 may say as well that there are none to be shown.
        self._has_shown = False

    def require(self) -> None:
        if self._url is None:
            raise NotApplicable("the server has to be made to act, and no control plane was given (--control)")

    def offer_remote_config(self, instance_uid: bytes, files: pb.AgentConfigMap) -> None:
        self._ask("PUT", instance_uid, "remote_config", _json(files))

    def offer_connection_settings(self, instance_uid: bytes, settings: pb.ConnectionSettingsOffers) -> None:
        self._ask("PUT", instance_uid, "connection_settings", _json(settings))

    def offer_packages(self, instance_uid: bytes, packages: Mapping[str, Package]) -> None:
        body = {
            name: {
                "type": package.type,
                "version": package.version,
                "content": base64.b64encode(package.content).decode(),
            }
            for name, package in packages.items()
        }
        self._ask("PUT", instance_uid, "packages", json.dumps(body))

    def command_restart(self, instance_uid: bytes) -> None:
        self._ask("POST", instance_uid, "commands", _json(pb.ServerToAgentCommand(type=pb.CommandType_Restart)))

    def send_custom_message(self, instance_uid: bytes, message: pb.CustomMessage) -> None:
        self._ask("POST", instance_uid, "custom_messages", _json(message))

    def make_trouble(self, instance_uid: bytes, kind: str) -> None:
        """Have the next message of an agent not processed, as the server is ``overloaded`` or ``failing``."""
        self._ask("POST", instance_uid, "trouble", json.dumps({"kind": kind}))

    def close_connection(self, instance_uid: bytes) -> None:
        self._ask("DELETE", instance_uid, "connection")

    def record(self, instance_uid: bytes) -> Mapping[str, Any] | None:
        """Return what the server knows of an agent, None if it does not know it."""
        status, text = self._exchange("GET", instance_uid, "", None)
        if status == 404 and self._has_shown:
            return None
        self._check(status, "GET", "record", text)
        self._has_shown = True
        record = json.loads(text)
        return record if isinstance(record, dict) else {}

    def _ask(self, method: str, instance_uid: bytes, resource: str, body: str | None = None) -> None:
        status, text = self._exchange(method, instance_uid, f"/{resource}", body)
        self._check(status, method, resource, text)

    def _check(self, status: int, method: str, resource: str, text: str) -> None:
        if status in _NOT_OFFERED:
            raise NotApplicable(f"the control plane offers no {method} {resource}")
        if status >= 400:
            raise CannotTell(f"the control plane answers {method} {resource} with {status}: {text.strip()[:200]}")

    def _exchange(self, method: str, instance_uid: bytes, path: str, body: str | None) -> tuple[int, str]:
        self.require()
        return self._client.run(self._request(method, f"{self._url}/agents/{instance_uid.hex()}{path}", body))

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
            raise CannotTell(f"the control plane does not answer: {str(error) or type(error).__name__}") from error

    def _headers(self) -> Mapping[str, str]:
        """The target's headers go to its own host and port only."""
        endpoint = self._client.endpoint
        return endpoint.headers if urlsplit(endpoint.url)[:2] == urlsplit(self._url or "")[:2] else {}


def _json(message: Message) -> str:
    return json_format.MessageToJson(message, preserving_proto_field_name=True)
