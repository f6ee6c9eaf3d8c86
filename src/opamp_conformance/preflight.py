"""The first exchanges: whether there is anything at the URL that speaks OpAMP at all, and over what."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from opamp_conformance.agent import Agent
from opamp_conformance.client import Client, Notes
from opamp_conformance.errors import Breach, CannotTell
from opamp_conformance.exchange import Exchange
from opamp_conformance.guests import LeftBehind
from opamp_conformance.redaction import Redactor, printable
from opamp_conformance.targets import Endpoint
from opamp_conformance.transports import Transport
from opamp_conformance.transports.http import Response


@dataclass(frozen=True)
class Found:
    """What was found: the transports that the target serves, and how long it takes to enroll an agent, in seconds."""

    served: tuple[Transport, ...]
    seconds: float
    left_behind: LeftBehind


def explore(endpoint: Endpoint, asked: Sequence[Transport], run: str, timeout: float) -> Found:
    """Report as a new agent over each transport; raises CannotTell if no answer is a ServerToAgent.

    A transport that was asked for by itself has to be there; of all, one is enough.
    """
    notes = Notes()
    exchanges = {transport: _first_exchange(endpoint, transport, run, timeout, notes) for transport in asked}
    served = tuple(t for t, exchange in exchanges.items() if not isinstance(exchange.message, Breach))
    if not served:
        exchange = exchanges[asked[0]]
        raise _no_server(endpoint, exchange, "" if asked[0] is Transport.HTTP else " over WebSocket")
    if Transport.HTTP in served:  # Where it is not, nothing is asked of other instances.
        _require_others(endpoint, run, timeout, notes)
    return Found(served, min(exchanges[t].seconds for t in served), notes.guests.left_behind())


def _require_others(endpoint: Endpoint, run: str, timeout: float, notes: Notes) -> None:
    for url in endpoint.others:
        other = replace(endpoint, url=url, others=())
        exchange = _first_exchange(other, Transport.HTTP, run, timeout, notes)
        if isinstance(exchange.message, Breach):
            raise _no_server(other, exchange, "")


def _no_server(endpoint: Endpoint, exchange: Exchange, over: str) -> CannotTell:
    problem = printable(Redactor(endpoint.secrets).text(_explain(exchange)))
    return CannotTell(f"{endpoint.url} does not answer as an OpAMP server{over}: {problem}")


def _first_exchange(endpoint: Endpoint, transport: Transport, run: str, timeout: float, notes: Notes) -> Exchange:
    with Client(endpoint, timeout, transport, notes) as client:
        exchange = client.send(Agent(run).full_status())
        client.hang_up()
        client.leave()
        return exchange


def _explain(exchange: Exchange) -> str:
    response = exchange.response
    if isinstance(response, Response) and response.status in (401, 403):
        return f"it refuses the credentials ({response.status}); give some with --header or --header-env"
    if isinstance(response, Response) and 300 <= response.status < 400:
        where = response.headers.get("location", "nowhere")
        return f"it redirects to {where}; redirects are not followed, give the final URL"
    if response is None:
        return exchange.failure or "no response"
    return f"{response} is no ServerToAgent; check the path of the URL"
