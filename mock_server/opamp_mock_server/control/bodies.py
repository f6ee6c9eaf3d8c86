"""The bodies of requests to the control plane, and of its responses."""

import asyncio
import base64
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import Any, Final, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from opamp_agent_checks import AgentFinding
from opamp_mock_server.control.message_json import from_fields, to_fields
from opamp_mock_server.core.agent_state import AgentRecord, DesiredState, Package
from opamp_mock_server.errors import MockServerError
from opamp_mock_server.service.message_log import LoggedMessage
from opamp_mock_server.service.scripted_answers import MOST_ANSWERS, ScriptedAnswer
from opamp_mock_server.service.transport_log import TransportEvent
from opamp_mock_server.transports.http_messages import RequestRefusedError, Response
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

M = TypeVar("M", bound=Message)
H = TypeVar("H")
T = TypeVar("T")

_MOST_BYTES: Final = 1024 * 1024
_MOST_SECONDS: Final = 86_400

_LISTING: Final = ThreadPoolExecutor(1, "opamp-lists")

JSON: Final = b"application/json"
DONE: Final = Response(204)


class InvalidRequestError(MockServerError):
    """A request has an invalid body or query. The text says what is valid."""


def chosen(handlers: Mapping[tuple[str, str], H], method: str, resource: str, what: str) -> H:
    """Return the handler of a method on a resource. Raises RequestRefusedError if there is none."""
    methods = [other for other, name in handlers if name == resource]
    if not methods:
        raise RequestRefusedError(404, f"the control plane has no resource {what}")
    if method not in methods:
        allowed = ", ".join(methods)
        raise RequestRefusedError(405, f"{what} supports {allowed}", (b"allow", allowed.encode()))
    return handlers[method, resource]


def shown(value: object, status: int = 200) -> Response:
    """Return a response with JSON."""
    return Response(status, json.dumps(value).encode(), content_type=JSON)


async def listed(
    name: str, kept: Sequence[T], size: Callable[[T], int], show: Callable[[T], object], **more: object
) -> Response:
    """Return a response with the first items of a list: as many as may be in one response, and at least one.

    Large messages take a long time to become JSON, so a thread does that, and the loop serves others. It is one thread
    for all lists, and it forgets each message before the next: decoded, they are many times as large.
    """
    fitting = kept[: max(1, bisect_right(list(accumulate(map(size, kept))), _MOST_BYTES))]

    def work() -> Response:
        items = ",".join(json.dumps(show(one)) for one in fitting)
        rest = "".join(f", {json.dumps(key)}: {json.dumps(value)}" for key, value in more.items())
        return Response(200, f"{{{json.dumps(name)}: [{items}]{rest}}}".encode(), content_type=JSON)

    return await asyncio.get_running_loop().run_in_executor(_LISTING, work)


def instance_uid(name: str) -> bytes:
    try:
        uid = bytes.fromhex(name)
    except ValueError:
        uid = b""
    if len(uid) != INSTANCE_UID_BYTES or len(name) != 2 * INSTANCE_UID_BYTES:
        raise InvalidRequestError("the name of an agent has to be the 32 hexadecimal digits of its instance_uid")
    return uid


def message_of(body: bytes, message: M) -> M:
    """Parse the JSON form of a message."""
    try:
        return from_fields(object_of(body), message)
    except (json_format.ParseError, RecursionError) as error:
        raise InvalidRequestError(f"not the JSON form of {message.DESCRIPTOR.name}: {error}") from error


def object_of(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
        json.dumps(parsed, ensure_ascii=False).encode()  # A half surrogate pair cannot be part of a message.
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise InvalidRequestError("not a JSON object")
    return parsed


def packages_of(body: bytes) -> Mapping[str, Package]:
    try:
        return {name: _package(**entry) for name, entry in object_of(body).items()}
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(f"a package needs type, version, and content in base64: {error}") from error


def _package(*, type: str, version: str, content: str) -> Package:  # noqa: A002 # the JSON's name
    if not isinstance(version, str):
        raise TypeError("version has to be a string")
    return Package(pb.PackageType.Value(type), version, base64.b64decode(content, validate=True))


def scripted_answer_of(body: bytes) -> tuple[ScriptedAnswer, int]:
    """Parse what the next messages of an agent are to be answered with, and how many of them."""
    try:
        return _scripted_answer(**object_of(body))
    except TypeError as error:
        raise InvalidRequestError(f"an answer has other fields: {error}") from error


def _scripted_answer(
    *,
    message: object = None,
    data: object = None,
    status: object = None,
    retry_after: object = None,
    times: object = 1,
) -> tuple[ScriptedAnswer, int]:
    if sum(field is not None for field in (message, data, status)) > 1:
        raise InvalidRequestError("an answer is one of message, data and status; without them, it is silence")
    answer = ScriptedAnswer(
        None if message is None else message_of(json.dumps(message).encode(), pb.ServerToAgent()),
        None if data is None else _bytes_of(data),
        None if status is None else _whole("status", status, 400, 599),
        None if retry_after is None else _whole("retry_after", retry_after, 0, _MOST_SECONDS),
    )
    if retry_after is not None and status is None:
        raise InvalidRequestError("retry_after belongs to a status")
    return answer, _whole("times", times, 1, MOST_ANSWERS)


def _whole(name: str, value: object, lowest: int, highest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise InvalidRequestError(f"{name} has to be a whole number from {lowest} to {highest}")
    return value


def _bytes_of(value: object) -> bytes:
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except ValueError:
        pass
    raise InvalidRequestError("data has to be in base64")


def agent(record: AgentRecord) -> Mapping[str, object]:
    """Return what the control plane shows of an agent."""
    return {
        "instance_uid": record.instance_uid.hex(),
        "sequence_num": record.sequence_num,
        "connected": record.connected,
        "capabilities": record.capabilities,
        "status": to_fields(pb.AgentToServer.FromString(record.reported)),
    }


def name_of(record: AgentRecord) -> str:
    """Return the service.name of an agent in lower case, empty without one."""
    described = pb.AgentToServer.FromString(record.reported).agent_description
    names = [one.value.string_value for one in described.identifying_attributes if one.key == "service.name"]
    return names[0].lower() if names else ""


def exchange(logged: LoggedMessage) -> Mapping[str, object]:
    """Return what the control plane shows of a message and its reply."""
    return {
        "number": logged.number,
        "at": logged.at,
        "instance_uid": logged.instance_uid.hex(),
        "received": None if logged.received is None else to_fields(pb.AgentToServer.FromString(logged.received)),
        "sent": to_fields(pb.ServerToAgent.FromString(logged.sent)),
    }


def exchange_with_bytes(logged: LoggedMessage) -> Mapping[str, object]:
    """Return what the control plane shows of a message and its reply, and both in base64."""
    received = None if logged.received is None else base64.b64encode(logged.received).decode()
    return {**exchange(logged), "received_data": received, "sent_data": base64.b64encode(logged.sent).decode()}


def desired_state(desired: DesiredState) -> Mapping[str, object]:
    """Return what the control plane shows of what an operator wants of an agent."""
    offers = {"remote_config": desired.remote_config, "connection_settings": desired.connection_settings}
    return {
        **{name: None if offer is None else to_fields(offer) for name, offer in offers.items()},
        "packages": {name: package.version for name, package in desired.packages.items()},
        "custom_messages": [to_fields(message) for message in desired.custom_messages],
        "restart": desired.restart,
        "fault": None if desired.fault is None else desired.fault.value,
    }


def transport_event(event: TransportEvent) -> Mapping[str, object]:
    """Return what the control plane shows of an event of the transport."""
    return {
        "number": event.number,
        "at": event.at,
        "kind": event.kind,
        "connection": event.connection,
        "status": event.status,
        "data": base64.b64encode(event.data).decode(),
        "detail": event.detail,
    }


def finding(found: AgentFinding) -> Mapping[str, object]:
    """Return what the control plane shows of a finding about an agent."""
    return {
        "requirement": found.requirement,
        "link": found.link,
        "severity": found.severity,
        "instance_uid": found.instance_uid.hex(),
        "expected": found.expected,
        "actual": found.actual,
        "count": found.count,
        "provoked_by": found.provoked_by,
        "messages": [None if sample.message is None else to_fields(sample.message) for sample in found.samples],
    }
