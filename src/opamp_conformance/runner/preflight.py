"""The first exchanges of a run: whether the server supports OpAMP, and over which transports."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.agent_tracker import CleanupReport
from opamp_conformance.client.client import Client
from opamp_conformance.client.run_log import RunLog
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.redaction import Redactor
from opamp_conformance.targets import Endpoint
from opamp_conformance.text import printable
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpResponse
from opamp_conformance.wire.transport import Transport


@dataclass(frozen=True)
class Preflight:
    """What the first exchanges show: the transports that the target serves, and how long it takes to answer.

    ``seconds`` is the time of the faster transport; ``cleanup`` is about the agents of these exchanges.
    """

    served: tuple[Transport, ...]
    seconds: float
    cleanup: CleanupReport


def explore(endpoint: Endpoint, asked: Sequence[Transport], run_id: str, timeout: float) -> Preflight:
    """Report as a new agent over each transport; raises InconclusiveError if no answer is a ServerToAgent.

    If several transports are asked for, one that answers is enough.
    """
    log = RunLog()
    exchanges = {transport: _first_exchange(endpoint, transport, run_id, timeout, log) for transport in asked}
    served = tuple(transport for transport, exchange in exchanges.items() if exchange.message is not None)
    if not served:
        exchange = exchanges[asked[0]]
        raise _no_server(endpoint, exchange, "" if asked[0] is Transport.HTTP else " over WebSocket")
    if Transport.HTTP in served:  # Scenarios about other instances use plain HTTP only.
        _require_others(endpoint, run_id, timeout, log)
    return Preflight(served, min(exchanges[transport].seconds for transport in served), log.agents.report())


def _require_others(endpoint: Endpoint, run_id: str, timeout: float, log: RunLog) -> None:
    for url in endpoint.others:
        other = replace(endpoint, url=url, others=())
        exchange = _first_exchange(other, Transport.HTTP, run_id, timeout, log)
        if exchange.message is None:
            raise _no_server(other, exchange, "")


def _no_server(endpoint: Endpoint, exchange: Exchange, over: str) -> InconclusiveError:
    problem = printable(Redactor(endpoint.secrets).text(_explain(exchange)))
    return InconclusiveError(f"{endpoint.url} does not answer as an OpAMP server{over}: {problem}")


def _first_exchange(endpoint: Endpoint, transport: Transport, run_id: str, timeout: float, log: RunLog) -> Exchange:
    with Client(endpoint, timeout, transport, log) as client:
        exchange = client.send(Agent(run_id).full_status())
        client.close_websockets()
        client.disconnect_agents()
        return exchange


def _explain(exchange: Exchange) -> str:
    response = exchange.response
    if isinstance(response, HttpResponse) and response.status in (401, 403):
        return f"it refuses the credentials ({response.status}); give some with --header or --header-env"
    if isinstance(response, HttpResponse) and 300 <= response.status < 400:
        where = response.headers.get("location", "nowhere")
        return f"it redirects to {where}; redirects are not followed, give the final URL"
    if response is None:
        return exchange.failure or "no response"
    return f"{response} is no ServerToAgent; check the path of the URL"
