"""The resources of the whole server: agents, messages, the transport, deviations, connections, and a reset."""

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from importlib.resources import files
from typing import Final, Protocol, TypeVar

from google.protobuf.message import Message

from opamp_mock_server.control.bodies import (
    DONE,
    JSON,
    InvalidRequestError,
    agent,
    chosen,
    exchange,
    exchange_with_bytes,
    finding,
    instance_uid,
    listed,
    name_of,
    object_of,
    shown,
    transport_event,
)
from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.deviations import DEVIATIONS, Deviation, DeviationError
from opamp_mock_server.service.bounded_log import BoundedLog, Entry
from opamp_mock_server.service.message_log import LoggedMessage, MessageLog
from opamp_mock_server.service.service import Service
from opamp_mock_server.service.traffic import Traffic
from opamp_mock_server.service.transport_log import KINDS, TransportEvent
from opamp_mock_server.settings import Endpoint
from opamp_mock_server.transports.http_messages import RequestRefusedError, Response
from opamp_proto import opamp_pb2 as pb

Query = Mapping[str, Sequence[str]]
E = TypeVar("E", bound=Entry)
Handler = Callable[["ServerControl", Query, bytes], Awaitable[Response]]

_MOST_AT_ONCE: Final = 1000
_MOST_PAGES: Final = 10
"""How many pages of agents one request looks for a text in."""
_ORDINARY: Final = 100
_MOST_SECONDS: Final = 60.0
_MOST_WAITING: Final = 100
_DIGITS: Final = 15
_LOOK_UP_SECONDS: Final = 0.25
"""How often a waiting request checks whether the server stops."""


class RunningServer(Protocol):
    """The running server. Call everything here in the loop that serves."""

    @property
    def deviations(self) -> Sequence[Deviation]:
        """The deviations that are active."""

    @property
    def is_ending(self) -> bool:
        """Whether it stops now."""

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """The endpoints that agents can be moved to."""

    def deviate(self, deviations: Sequence[Deviation]) -> None:
        """Activate these deviations, and no others. Raises DeviationError."""

    def restore_deviations(self) -> None:
        """Activate the deviations that the server was started with, and no others."""

    def abort_connections(self) -> None:
        """Abort the connections of all agents, without a Close frame."""


class ServerControl:
    """Answers requests about the whole server."""

    def __init__(self, service: Service, machine: RunningServer, message_log: MessageLog, traffic: Traffic) -> None:
        self._service = service
        self._machine = machine
        self._message_log = message_log
        self._traffic = traffic
        self._waiting = 0

    async def respond(self, method: str, resource: str, query: Query, body: bytes) -> Response:
        """Answer a request. Raises RequestRefusedError, InvalidRequestError, or an error of the store."""
        handler = chosen(HANDLERS, method, resource, resource)
        return await handler(self, query, body)

    async def list_agents(self, query: Query, body: bytes) -> Response:
        """List agents in the order of their instance_uids, and the number of all agents, or of those with a text."""
        after = instance_uid(query["after"][-1]) if "after" in query else b""
        text = query["text"][-1].lower() if "text" in query else ""
        if text:
            records, total = await self._find(text, after, _limit(query))
        else:
            records, total = await self._service.store.list_after(after, _limit(query))
        return await listed("agents", records, lambda record: len(record.reported), agent, total=total)

    async def _find(self, text: str, after: bytes, limit: int) -> tuple[Sequence[AgentRecord], int]:
        """Return agents with a text in their instance_uid or their name; it looks at so many agents, and no more."""
        found: list[AgentRecord] = []
        for _ in range(_MOST_PAGES):
            records, _ = await self._service.store.list_after(after, _MOST_AT_ONCE)
            found += [record for record in records if text in record.instance_uid.hex() or text in name_of(record)]
            if not records or len(found) >= limit:
                break
            after = records[-1].instance_uid
        return found[:limit], len(found)

    async def list_messages(self, query: Query, body: bytes) -> Response:
        """List the matching messages after a number; if there is none, wait for one."""
        show = exchange_with_bytes if _flag(query, "bytes") else exchange
        return await self._listed(query, "messages", self._message_log, _matcher(query), show)

    async def list_transport(self, query: Query, body: bytes) -> Response:
        """List the matching events of the transport after a number; if there is none, wait for one."""
        assert self._traffic.log is not None  # The control plane brings one.
        kinds = query.get("kind", ())
        for kind in kinds:
            if kind not in KINDS:
                raise InvalidRequestError(f"kind has to be one of {', '.join(KINDS)}")
        is_wanted: Callable[[TransportEvent], bool] = lambda event: not kinds or event.kind in kinds  # noqa: E731
        return await self._listed(query, "events", self._traffic.log, is_wanted, transport_event)

    async def _listed(
        self, query: Query, name: str, log: BoundedLog[E], is_wanted: Callable[[E], bool], show: Callable[[E], object]
    ) -> Response:
        """List matching entries of a log: the first after a number, or the last. If there is none, wait for one."""
        after, limit = _number(query, "after", 0), _limit(query)
        last = _number(query, "last", 0)
        deadline = time.monotonic() + _seconds(query, "within")
        if self._waiting >= _MOST_WAITING:
            raise RequestRefusedError(503, "too many requests wait for messages", (b"retry-after", b"1"))
        self._waiting += 1
        try:
            while not (found := [one for one in log.after(after) if is_wanted(one)]):
                after = max(after, log.newest)
                left = deadline - time.monotonic()
                if left <= 0 or self._machine.is_ending:
                    break
                await log.news(min(left, _LOOK_UP_SECONDS))
        finally:
            self._waiting -= 1
        found = found[-last:] if last else found
        return await listed(name, found[:limit], lambda one: one.size, show, oldest=log.oldest, newest=log.newest)

    async def list_findings(self, query: Query, body: bytes) -> Response:
        """List what agents broke, and how many agents have sent a message."""
        judge = self._traffic.judge
        assert judge is not None  # The control plane brings one.
        agents = {instance_uid(name) for name in query.get("agent", ())}
        found = [finding for finding in judge.findings if not agents or finding.instance_uid in agents]
        size = lambda one: sum(len(sample.data) for sample in one.samples) + 1  # noqa: E731
        return await listed("findings", found[: _limit(query)], size, finding, agents=judge.agents, total=len(found))

    async def list_endpoints(self, query: Query, body: bytes) -> Response:
        """List the endpoints that agents can be moved to by connection settings."""
        return shown({"endpoints": [asdict(endpoint) for endpoint in self._machine.endpoints]})

    async def list_deviations(self, query: Query, body: bytes) -> Response:
        """List the active deviations, and all that exist."""
        active = [deviation.id for deviation in self._machine.deviations]
        known = {deviation.id: deviation.summary for deviation in DEVIATIONS.values()}
        return shown({"active": active, "known": known})

    async def deviate(self, query: Query, body: bytes) -> Response:
        wanted = object_of(body).get("active")
        if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
            raise InvalidRequestError("active has to be a list of deviations")
        for one in wanted:
            if one not in DEVIATIONS:
                near = get_close_matches(one, DEVIATIONS, n=1)
                raise InvalidRequestError(
                    f"there is no deviation {one!r}" + (f"; did you mean {near[0]!r}?" if near else "")
                )
        try:
            self._machine.deviate([DEVIATIONS[one] for one in dict.fromkeys(wanted)])
        except DeviationError as error:
            raise InvalidRequestError(str(error)) from error
        return DONE

    async def drop_connections(self, query: Query, body: bytes) -> Response:
        self._machine.abort_connections()
        return DONE

    async def describe(self, query: Query, body: bytes) -> Response:
        """Return the OpenAPI description of the control plane."""
        return Response(200, files(__package__).joinpath("openapi.json").read_bytes(), content_type=JSON)

    async def reset(self, query: Query, body: bytes) -> Response:
        """Delete agents, desired states and messages, abort connections, and restore the deviations of the start."""
        self._machine.abort_connections()
        self._machine.restore_deviations()
        await self._service.clear()
        self._message_log.forget()
        self._traffic.forget()
        return DONE


HANDLERS: Final[dict[tuple[str, str], Handler]] = {
    ("GET", "agents"): ServerControl.list_agents,
    ("GET", "messages"): ServerControl.list_messages,
    ("GET", "transport"): ServerControl.list_transport,
    ("GET", "findings"): ServerControl.list_findings,
    ("GET", "endpoints"): ServerControl.list_endpoints,
    ("GET", "deviations"): ServerControl.list_deviations,
    ("PUT", "deviations"): ServerControl.deviate,
    ("DELETE", "connections"): ServerControl.drop_connections,
    ("POST", "reset"): ServerControl.reset,
    ("GET", "openapi.json"): ServerControl.describe,
}
"""The handlers, by method and resource."""


def _matcher(query: Query) -> Callable[[LoggedMessage], bool]:
    """Return a predicate that is true for a message that matches the query: by its agent, and by its fields."""
    agents = {instance_uid(name) for name in query.get("agent", ())}
    received, sent = _fields(query, "has", pb.AgentToServer), _fields(query, "has_sent", pb.ServerToAgent)

    def is_wanted(logged: LoggedMessage) -> bool:
        if agents and logged.instance_uid not in agents:
            return False
        return _has(pb.AgentToServer, logged.received, received) and _has(pb.ServerToAgent, logged.sent, sent)

    return is_wanted


def _fields(query: Query, name: str, kind: type[Message]) -> Sequence[str]:
    """Return names of fields in a query. Raises InvalidRequestError for one that the message does not have."""
    fields = query.get(name, ())
    unknown = [field for field in fields if field not in kind.DESCRIPTOR.fields_by_name]
    if unknown:
        raise InvalidRequestError(f"{kind.DESCRIPTOR.name} has no field {unknown[0]}")
    return fields


def _has(kind: type[Message], data: bytes | None, fields: Sequence[str]) -> bool:
    """Return whether a serialized message has all fields."""
    return not fields or {field.name for field, _ in kind.FromString(data or b"").ListFields()}.issuperset(fields)


def _flag(query: Query, name: str) -> bool:
    text = query[name][-1] if name in query else "false"
    if text not in ("true", "false"):
        raise InvalidRequestError(f"{name} has to be true or false")
    return text == "true"


def _limit(query: Query) -> int:
    return min(_number(query, "limit", _ORDINARY, lowest=1), _MOST_AT_ONCE)


def _number(query: Query, name: str, default: int, lowest: int = 0) -> int:
    text = query[name][-1] if name in query else str(default)
    if not (text.isascii() and text.isdecimal() and lowest <= int(text[:_DIGITS]) and len(text) <= _DIGITS):
        raise InvalidRequestError(f"{name} has to be a whole number, {lowest} or more")
    return int(text)


def _seconds(query: Query, name: str) -> float:
    try:
        seconds = float(query[name][-1]) if name in query else 0.0
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise InvalidRequestError(f"{name} has to be a number of seconds")
    return min(seconds, _MOST_SECONDS)
