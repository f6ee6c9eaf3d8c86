"""The first exchanges of a run: whether the server supports OpAMP, and over which transports."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.agent_tracker import CleanupReport
from opamp_conformance.client.client import Client
from opamp_conformance.client.run_log import RunLog
from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import InconclusiveError, PreconditionFailedError
from opamp_conformance.redaction import Redactor
from opamp_conformance.targets import Endpoint
from opamp_conformance.text import printable
from opamp_conformance.wire.exchange import Exchange, error_name
from opamp_conformance.wire.http import HttpResponse
from opamp_conformance.wire.transport import Transport
from opamp_proto import opamp_pb2 as pb

# A proxy that is just starting may refuse the first requests.
_ATTEMPTS: Final = 3
_PAUSE_SECONDS: Final = 0.3
# One such answer may be that of a proxy whose routes are not complete.
_ATTEMPTS_IF_ABSENT: Final = 2
# A failure that takes longer is not temporary, and would take as long again.
_QUICK_SECONDS: Final = 1.0
# These statuses of HTTP mean that a path, a method or a protocol is not supported.
_NOT_SERVED: Final = (404, 405, 426, 501)
_STARTING: Final = (502, 503, 504)
_POLL_SECONDS: Final = 0.2
_NO_ACCESS: Final = (401, 403)
# How long the first reply over WebSocket is watched for more messages.
_WATCH_SECONDS: Final = 0.12
_QUIET_SECONDS: Final = 0.05
# A server with such an answer, except to the very first message, is slow.
_SLOW_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Preflight:
    """The results of the first exchanges: the transports that the target serves, and whether it answers slowly.

    ``cleanup`` is about the agents of these exchanges.
    """

    served: tuple[Transport, ...]
    is_slow: bool
    cleanup: CleanupReport


def explore(
    endpoint: Endpoint,
    asked: Sequence[Transport],
    run_id: str,
    timing: Timing,
    *,
    enrolls: bool = False,
    hint: str = "",
) -> Preflight:
    """Let two agents report over each transport, and note in ``timing`` how the server answers.

    Raises InconclusiveError if no reply is a ServerToAgent, with a ``hint`` if nothing answers. It also raises that if
    a server that ``enrolls`` agents (fleet contract) is not available for the enrollment of the first ones: its key may
    not be an enrollment key. One transport that works is enough, or a WebSocket that opens. A transport counts as not
    served only if the server reports that; the scenarios judge a failure of the server.
    """
    log = RunLog()
    firsts = {transport: _first_exchange(endpoint, transport, run_id, timing, log) for transport in asked}
    working = [transport for transport, first in firsts.items() if _is_working(first.exchange)]
    if not working and not any(first.is_open for first in firsts.values()):
        exchange = firsts[asked[0]].exchange
        error = _no_server(endpoint, exchange, "" if asked[0] is Transport.HTTP else " over WebSocket")
        raise InconclusiveError(f"{error}{hint}") if exchange.response is None else error
    if enrolls and working and all(_is_unavailable(firsts[transport].exchange) for transport in working):
        raise _no_enrollment(endpoint, firsts[working[0]].exchange)
    served = tuple(transport for transport, first in firsts.items() if not _is_absent(first.exchange))
    if Transport.HTTP in served:  # Scenarios about other instances use plain HTTP only.
        _require_others(endpoint, run_id, timing, log)
    if any(first.is_followed for first in firsts.values()):
        timing.quiet = _QUIET_SECONDS

    def slowest() -> float:
        times = [seconds for transport in working for seconds in _times(endpoint, transport, run_id, timing, log)]
        return max(times, default=0.0)

    longest = slowest()
    timing.slowest = max([longest, *(firsts[transport].exchange.seconds for transport in working)], default=0.0)
    # One slow answer may be that of a busy machine; a slow server is slow again.
    is_slow = bool(working) and (timing.silences > 0 or (longest > _SLOW_SECONDS and slowest() > _SLOW_SECONDS))
    return Preflight(served, is_slow, log.agents.report())


def await_server(
    endpoint: Endpoint, transport: Transport, timing: Timing, seconds: float, say: Callable[[str], None]
) -> None:
    """Wait until something else than a refused connection, or the error of a proxy, answers; for ``seconds`` at most.

    ``say`` gets a line for people, if there is a wait. What answers in the end is judged by others.
    """
    end, was_told = time.monotonic() + seconds, False
    while True:
        with Client(endpoint, timing, transport) as client:
            exchange = client.send_once(Agent("wait").full_status())
            client.close_websockets()
            client.disconnect_agents()
        is_there = exchange.message is not None or not exchange.is_lost
        if (is_there and exchange.status not in _STARTING) or time.monotonic() + _POLL_SECONDS > end:
            return
        if not was_told:
            why = printable(Redactor(endpoint.secrets).text(_explain(exchange)))
            say(f"waiting for {endpoint.url}, for {seconds:g} s at most: {why}")
            was_told = True
        time.sleep(_POLL_SECONDS)


def is_served(endpoint: Endpoint, transport: Transport, run_id: str, timing: Timing) -> bool:
    """Return whether an agent gets a ServerToAgent over a transport."""
    return _is_working(_first_exchange(endpoint, transport, run_id, timing, RunLog()).exchange)


class _First(NamedTuple):
    """The first exchange over a transport.

    ``is_followed`` reports unsolicited messages after the reply, ``is_open`` a WebSocket without any message.
    """

    exchange: Exchange
    is_followed: bool = False
    is_open: bool = False


def _is_working(exchange: Exchange) -> bool:
    return exchange.message is not None and exchange.status not in _NO_ACCESS


def _is_unavailable(exchange: Exchange) -> bool:
    reply = exchange.message
    return reply is not None and reply.error_response.type == pb.ServerErrorResponseType_Unavailable


def _is_absent(exchange: Exchange) -> bool:
    """Return whether the server reports that it does not serve a transport: by a status, or by refusing the upgrade."""
    status = exchange.response.status if isinstance(exchange.response, HttpResponse) else None
    if status is None or status in _NO_ACCESS or _is_working(exchange):
        return False
    return status in _NOT_SERVED or (exchange.is_refused_opening and status < 500 and not exchange.is_throttled)


def _require_others(endpoint: Endpoint, run_id: str, timing: Timing, log: RunLog) -> None:
    for url in endpoint.others:
        other = replace(endpoint, url=url, others=())
        exchange = _first_exchange(other, Transport.HTTP, run_id, timing, log).exchange
        if not _is_working(exchange):
            raise _no_server(other, exchange, "")


def _no_server(endpoint: Endpoint, exchange: Exchange, over: str) -> InconclusiveError:
    problem = printable(Redactor(endpoint.secrets).text(_explain(exchange)))
    return InconclusiveError(f"{endpoint.url} does not answer as an OpAMP server{over}: {problem}")


def _no_enrollment(endpoint: Endpoint, exchange: Exchange) -> InconclusiveError:
    error = exchange.reply.error_response
    told = printable(Redactor(endpoint.secrets).text(f"{error_name(error.type)}: {error.error_message}"))
    hint = "are the credentials an enrollment key, and does the server reach its store?"
    return InconclusiveError(f"{endpoint.url} does not enroll an agent ({told}): {hint}")


def _first_exchange(endpoint: Endpoint, transport: Transport, run_id: str, timing: Timing, log: RunLog) -> _First:
    for attempt in range(1, _ATTEMPTS + 1):
        with Client(endpoint, timing, transport, log, run_id) as client:
            agent = Agent(run_id)
            exchange = client.send(agent.full_status())
            is_followed = client.count_unsolicited(agent.instance_uid, _WATCH_SECONDS) > 0
            is_open = exchange.response is None and client.has_websocket(agent.instance_uid)
            client.close_websockets()
            client.disconnect_agents()
        is_accepted = _is_working(exchange) and not _is_unavailable(exchange)
        is_final = is_accepted or exchange.seconds > _QUICK_SECONDS
        if is_final or attempt == (_ATTEMPTS_IF_ABSENT if _is_absent(exchange) else _ATTEMPTS):
            break
        time.sleep(_PAUSE_SECONDS)
    return _First(exchange, is_followed, is_open)


def _times(endpoint: Endpoint, transport: Transport, run_id: str, timing: Timing, log: RunLog) -> list[float]:
    """Return the seconds of the ordinary exchanges of an agent: a report, a check-in and agent_disconnect."""
    agent, exchanges = Agent(run_id), []
    with Client(endpoint, timing, transport, log, run_id) as client:
        with suppress(PreconditionFailedError):  # The server answers nobody any more; the scenarios judge that.
            for compose in (agent.full_status, agent.check_in, agent.disconnect):
                exchanges.append(client.send_once(compose()))
        client.close_websockets()
    return [exchange.seconds for exchange in exchanges if exchange.response is not None]


def _explain(exchange: Exchange) -> str:
    response = exchange.response
    if isinstance(response, HttpResponse) and response.status in (401, 403):
        return f"it refuses the credentials ({response.status}); give some with --header or --header-env"
    if isinstance(response, HttpResponse) and 300 <= response.status < 400:
        where = response.headers.get("location", "nowhere")
        return f"it redirects to {where}; redirects are not followed, give the final URL"
    if response is None:
        return exchange.failure or "no response"
    return f"{response} is not a ServerToAgent; check the path of the URL"
