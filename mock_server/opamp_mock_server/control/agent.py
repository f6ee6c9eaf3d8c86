"""The control plane: how an operator, or the conformance suite, has the server act.

Bodies are the JSON form of protobuf messages; docs/control-plane.md is the description for implementers.
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from opamp_mock_server.http import Refused, Response
from opamp_mock_server.records import AgentRecord, Package, Plan, Trouble
from opamp_mock_server.service import Service
from opamp_mock_server.stores import Conflict, StoreRefused, StoreUnavailable
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

PREFIX: Final = "/control"
"""The path that the control plane is under."""

M = TypeVar("M", bound=Message)
Handler = Callable[["Control", bytes, bytes], Awaitable[Response]]

_JSON: Final = b"application/json"
_DONE: Final = Response(204)


class Control:
    """Does what is asked for one agent; the agent need not be there yet."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def respond(self, method: str, path: str, body: bytes) -> Response:
        """Answer a request below the prefix; raises Refused."""
        collection, _, rest = path.removeprefix(f"{PREFIX}/").partition("/")
        if collection != "agents":
            raise Refused(404, "the control plane has agents only")
        name, _, resource = rest.partition("/")
        handler = _HANDLERS.get((method, resource))
        if handler is None:
            raise Refused(404, f"the control plane has no {method} of an agent's {resource or 'record'}")
        try:
            return await handler(self, _instance_uid(name), body)
        except (Conflict, StoreUnavailable, StoreRefused) as error:
            raise Refused(503, f"the store cannot do that now: {error}") from error

    async def show(self, instance_uid: bytes, body: bytes) -> Response:
        """What is known of an agent."""
        record = await self._service.store.get(instance_uid)
        if record is None:
            raise Refused(404, "this agent is not known")
        return Response(200, json.dumps(_shown(record)).encode(), content_type=_JSON)

    async def forget(self, instance_uid: bytes, body: bytes) -> Response:
        await self._service.plans.delete(instance_uid)
        self._service.connections.release(instance_uid)
        await self._service.store.delete(instance_uid)
        return _DONE

    async def offer_remote_config(self, instance_uid: bytes, body: bytes) -> Response:
        files = _parsed(body, pb.AgentConfigMap())
        return await self._want(instance_uid, lambda plan: replace(plan, remote_config=files))

    async def offer_connection_settings(self, instance_uid: bytes, body: bytes) -> Response:
        settings = _parsed(body, pb.ConnectionSettingsOffers())
        settings.ClearField("hash")
        return await self._want(instance_uid, lambda plan: replace(plan, connection_settings=settings))

    async def offer_packages(self, instance_uid: bytes, body: bytes) -> Response:
        packages = _packages(body)
        return await self._want(instance_uid, lambda plan: replace(plan, packages=packages))

    async def command(self, instance_uid: bytes, body: bytes) -> Response:
        _parsed(body, pb.ServerToAgentCommand())
        return await self._want(instance_uid, lambda plan: replace(plan, restart=True))

    async def send_custom_message(self, instance_uid: bytes, body: bytes) -> Response:
        message = _parsed(body, pb.CustomMessage())
        return await self._want(
            instance_uid, lambda plan: replace(plan, custom_messages=(*plan.custom_messages, message))
        )

    async def make_trouble(self, instance_uid: bytes, body: bytes) -> Response:
        try:
            trouble = Trouble(_object(body).get("kind"))
        except ValueError as error:
            raise Refused(400, "kind is overloaded or failing") from error
        return await self._want(instance_uid, lambda plan: replace(plan, trouble=trouble))

    async def close(self, instance_uid: bytes, body: bytes) -> Response:
        if not await self._service.hang_up(instance_uid):
            raise Refused(404, "this agent has no WebSocket")
        return _DONE

    async def _want(self, instance_uid: bytes, change: Callable[[Plan], Plan]) -> Response:
        await self._service.want(instance_uid, change)
        return _DONE


_HANDLERS: Final[dict[tuple[str, str], Handler]] = {
    ("GET", ""): Control.show,
    ("DELETE", ""): Control.forget,
    ("PUT", "remote_config"): Control.offer_remote_config,
    ("PUT", "connection_settings"): Control.offer_connection_settings,
    ("PUT", "packages"): Control.offer_packages,
    ("POST", "commands"): Control.command,
    ("POST", "custom_messages"): Control.send_custom_message,
    ("POST", "trouble"): Control.make_trouble,
    ("DELETE", "connection"): Control.close,
}


def _instance_uid(name: str) -> bytes:
    try:
        instance_uid = bytes.fromhex(name)
    except ValueError:
        instance_uid = b""
    if len(instance_uid) != INSTANCE_UID_BYTES:
        raise Refused(400, "an agent is named by the 32 hexadecimal digits of its instance_uid")
    return instance_uid


def _parsed(body: bytes, message: M) -> M:
    try:
        return json_format.Parse(body, message)
    except (json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"not the JSON form of {message.DESCRIPTOR.name}: {error}") from error


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise Refused(400, "not a JSON object")
    return parsed


def _packages(body: bytes) -> dict[str, Package]:
    try:
        return {
            name: Package(
                pb.PackageType.Value(entry["type"]),
                str(entry["version"]),
                base64.b64decode(entry["content"], validate=True),
            )
            for name, entry in _object(body).items()
        }
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise Refused(400, f"a package has type, version and content in base64: {error}") from error


def _shown(record: AgentRecord) -> dict[str, object]:
    status = pb.AgentToServer.FromString(record.reported)
    return {
        "instance_uid": record.instance_uid.hex(),
        "sequence_num": record.sequence_num,
        "connected": record.connected,
        "capabilities": record.capabilities,
        "status": json_format.MessageToDict(status, preserving_proto_field_name=True),
    }
