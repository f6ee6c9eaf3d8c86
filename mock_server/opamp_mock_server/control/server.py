"""The resources of the whole server: agents, messages, deviations, connections, and a reset."""

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files
from typing import Final, Protocol

from opamp_mock_server.control.bodies import (
    DONE,
    JSON,
    InvalidRequestError,
    agent,
    chosen,
    exchange,
    instance_uid,
    listed,
    object_of,
    shown,
)
from opamp_mock_server.deviations import DEVIATIONS, Deviation, DeviationError
from opamp_mock_server.service.message_log import LoggedMessage, MessageLog
from opamp_mock_server.service.service import Service
from opamp_mock_server.transports.http_messages import RequestRefusedError, Response
from opamp_proto import opamp_pb2 as pb

Query = Mapping[str, Sequence[str]]
Handler = Callable[["ServerControl", Query, bytes], Awaitable[Response]]

_MOST_AT_ONCE: Final = 1000
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

    def deviate(self, deviations: Sequence[Deviation]) -> None:
        """Activate these deviations, and no others. Raises DeviationError."""

    def restore_deviations(self) -> None:
        """Activate the deviations that the server was started with, and no others."""

    def abort_connections(self) -> None:
        """Abort the connections of all agents, without a Close frame."""


class ServerControl:
    """Answers requests about the whole server."""

    def __init__(self, service: Service, machine: RunningServer, message_log: MessageLog) -> None:
        self._service = service
        self._machine = machine
        self._message_log = message_log
        self._waiting = 0

    async def respond(self, method: str, resource: str, query: Query, body: bytes) -> Response:
        """Answer a request. Raises RequestRefusedError, InvalidRequestError, or an error of the store."""
        handler = chosen(HANDLERS, method, resource, resource)
        return await handler(self, query, body)

    async def list_agents(self, query: Query, body: bytes) -> Response:
        """List agents in the order of their instance_uids, and the number of all agents."""
        after = instance_uid(query["after"][-1]) if "after" in query else b""
        records, total = await self._service.store.list_after(after, _limit(query))
        return await listed("agents", records, lambda record: len(record.reported), agent, total=total)

    async def list_messages(self, query: Query, body: bytes) -> Response:
        """List the matching messages after a number; if there is none, wait for one."""
        is_wanted = _matcher(query)
        after, limit = _number(query, "after", 0), _limit(query)
        deadline = time.monotonic() + _seconds(query, "within")
        if self._waiting >= _MOST_WAITING:
            raise RequestRefusedError(503, "too many requests wait for messages", (b"retry-after", b"1"))
        self._waiting += 1
        try:
            while not (found := [one for one in self._message_log.after(after) if is_wanted(one)]):
                after = max(after, self._message_log.newest)
                left = deadline - time.monotonic()
                if left <= 0 or self._machine.is_ending:
                    break
                await self._message_log.news(min(left, _LOOK_UP_SECONDS))
        finally:
            self._waiting -= 1
        numbers = {"oldest": self._message_log.oldest, "newest": self._message_log.newest}
        return await listed("messages", found[:limit], lambda logged: logged.size, exchange, **numbers)

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
        return DONE


HANDLERS: Final[dict[tuple[str, str], Handler]] = {
    ("GET", "agents"): ServerControl.list_agents,
    ("GET", "messages"): ServerControl.list_messages,
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
    fields = query.get("has", ())
    unknown = [name for name in fields if name not in pb.AgentToServer.DESCRIPTOR.fields_by_name]
    if unknown:
        raise InvalidRequestError(f"AgentToServer has no field {unknown[0]}")

    def is_wanted(logged: LoggedMessage) -> bool:
        if agents and logged.instance_uid not in agents:
            return False
        if not fields:
            return True
        message = pb.AgentToServer.FromString(logged.received or b"")
        return {field.name for field, _ in message.ListFields()}.issuperset(fields)

    return is_wanted


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
