"""What can be asked of the whole server: who is there, what was said, how it misbehaves, and to begin anew."""

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files
from typing import Final, Protocol

from opamp_mock_server.control.bodies import (
    DONE,
    JSON,
    Unfit,
    agent,
    chosen,
    exchange,
    instance_uid,
    listed,
    object_of,
    shown,
)
from opamp_mock_server.deviations import DEVIATIONS, CannotDeviate, Deviation
from opamp_mock_server.http import Refused, Response
from opamp_mock_server.recording import Recorded, Recording
from opamp_mock_server.service import Service
from opamp_proto import opamp_pb2 as pb

Query = Mapping[str, Sequence[str]]
Handler = Callable[["ServerControl", Query, bytes], Awaitable[Response]]

_MOST_AT_ONCE: Final = 1000
_ORDINARY: Final = 100
_MOST_SECONDS: Final = 60.0
_MOST_WAITING: Final = 100
_DIGITS: Final = 15
_LOOK_UP_SECONDS: Final = 0.25
"""How often somebody who waits looks up whether the server ends."""


class Machine(Protocol):
    """The server as it runs. Everything here is for the loop that serves."""

    @property
    def deviations(self) -> Sequence[Deviation]:
        """What it breaks now."""

    @property
    def is_ending(self) -> bool:
        """Whether it is about to stop."""

    def deviate(self, deviations: Sequence[Deviation]) -> None:
        """Break these requirements, and no others, from now on; raises CannotDeviate."""

    def deviate_as_begun(self) -> None:
        """Break what it was started to break, and nothing else."""

    def abort_connections(self) -> None:
        """Break the connections of agents off, without a word."""


class ServerControl:
    """Does what is asked of the whole server."""

    def __init__(self, service: Service, machine: Machine, recording: Recording) -> None:
        self._service = service
        self._machine = machine
        self._recording = recording
        self._waiting = 0

    async def respond(self, method: str, resource: str, query: Query, body: bytes) -> Response:
        """Answer a request; raises Refused, Unfit, or what the store raises."""
        handler = chosen(HANDLERS, method, resource, resource)
        return await handler(self, query, body)

    async def list_agents(self, query: Query, body: bytes) -> Response:
        """The agents in the order of their instance_uids, and how many there are in all."""
        after = instance_uid(query["after"][-1]) if "after" in query else b""
        records, total = await self._service.store.listed(after, _limit(query))
        return await listed("agents", records, lambda record: len(record.reported), agent, total=total)

    async def list_messages(self, query: Query, body: bytes) -> Response:
        """The messages behind a number that match; if there is none, wait until there is one."""
        is_wanted = _matcher(query)
        after, limit = _number(query, "after", 0), _limit(query)
        deadline = time.monotonic() + _seconds(query, "within")
        if self._waiting >= _MOST_WAITING:
            raise Refused(503, "too many wait for messages", (b"retry-after", b"1"))
        self._waiting += 1
        try:
            while not (found := [one for one in self._recording.after(after) if is_wanted(one)]):
                after = max(after, self._recording.newest)
                left = deadline - time.monotonic()
                if left <= 0 or self._machine.is_ending:
                    break
                await self._recording.news(min(left, _LOOK_UP_SECONDS))
        finally:
            self._waiting -= 1
        numbers = {"oldest": self._recording.oldest, "newest": self._recording.newest}
        return await listed("messages", found[:limit], lambda recorded: recorded.size, exchange, **numbers)

    async def list_deviations(self, query: Query, body: bytes) -> Response:
        """What the server breaks now, and what it can break."""
        active = [deviation.id for deviation in self._machine.deviations]
        known = {deviation.id: deviation.summary for deviation in DEVIATIONS.values()}
        return shown({"active": active, "known": known})

    async def deviate(self, query: Query, body: bytes) -> Response:
        wanted = object_of(body).get("active")
        if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
            raise Unfit("active is a list of deviations")
        for one in wanted:
            if one not in DEVIATIONS:
                near = get_close_matches(one, DEVIATIONS, n=1)
                raise Unfit(f"there is no deviation {one!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        try:
            self._machine.deviate([DEVIATIONS[one] for one in dict.fromkeys(wanted)])
        except CannotDeviate as error:
            raise Unfit(str(error)) from error
        return DONE

    async def drop_connections(self, query: Query, body: bytes) -> Response:
        self._machine.abort_connections()
        return DONE

    async def describe(self, query: Query, body: bytes) -> Response:
        """Everything that can be asked for, as OpenAPI has it."""
        return Response(200, files(__package__).joinpath("openapi.json").read_bytes(), content_type=JSON)

    async def reset(self, query: Query, body: bytes) -> Response:
        """Begin anew: no agents, no wishes, no messages, no connections, and the deviations of the start."""
        self._machine.abort_connections()
        self._machine.deviate_as_begun()
        await self._service.forget_all()
        self._recording.forget()
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
"""What there is, by method and resource."""


def _matcher(query: Query) -> Callable[[Recorded], bool]:
    """Make what tells whether a message is wanted: by its agent, and by fields that it has."""
    agents = {instance_uid(name) for name in query.get("agent", ())}
    fields = query.get("has", ())
    unknown = [name for name in fields if name not in pb.AgentToServer.DESCRIPTOR.fields_by_name]
    if unknown:
        raise Unfit(f"an AgentToServer has no field {unknown[0]}")

    def is_wanted(recorded: Recorded) -> bool:
        if agents and recorded.instance_uid not in agents:
            return False
        if not fields:
            return True
        message = pb.AgentToServer.FromString(recorded.received or b"")
        return {field.name for field, _ in message.ListFields()}.issuperset(fields)

    return is_wanted


def _limit(query: Query) -> int:
    return min(_number(query, "limit", _ORDINARY, lowest=1), _MOST_AT_ONCE)


def _number(query: Query, name: str, default: int, lowest: int = 0) -> int:
    text = query[name][-1] if name in query else str(default)
    if not (text.isascii() and text.isdecimal() and lowest <= int(text[:_DIGITS]) and len(text) <= _DIGITS):
        raise Unfit(f"{name} is a whole number from {lowest}")
    return int(text)


def _seconds(query: Query, name: str) -> float:
    try:
        seconds = float(query[name][-1]) if name in query else 0.0
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise Unfit(f"{name} is a number of seconds")
    return min(seconds, _MOST_SECONDS)
