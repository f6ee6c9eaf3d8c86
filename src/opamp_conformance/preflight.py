"""The first exchange: whether there is anything at the URL that speaks OpAMP at all."""

from collections.abc import Iterator
from contextlib import contextmanager

from opamp_conformance.agent import Agent
from opamp_conformance.client import Client
from opamp_conformance.errors import Breach, CannotTell
from opamp_conformance.exchange import Exchange
from opamp_conformance.redaction import Redactor, printable
from opamp_conformance.targets import Endpoint


@contextmanager
def open_client(endpoint: Endpoint, run: str, timeout: float) -> Iterator[Client]:
    """Connect to an endpoint for a run; raises CannotTell if its first response is no ServerToAgent."""
    with Client(endpoint, timeout) as client:
        exchange = client.send(Agent(run).full_status())
        if isinstance(exchange.message, Breach):
            problem = printable(Redactor(endpoint.headers).text(_explain(exchange, exchange.message)))
            raise CannotTell(f"{endpoint.url} does not answer as an OpAMP server: {problem}")
        client.exchanges.clear()
        yield client


def _explain(exchange: Exchange, breach: Breach) -> str:
    response = exchange.response
    if response is None:
        return breach.actual
    if response.status in (401, 403):
        return f"it refuses the credentials ({response.status}); give some with --header or --header-env"
    if 300 <= response.status < 400:
        where = response.headers.get("location", "nowhere")
        return f"it redirects to {where}; redirects are not followed, give the final URL"
    return f"{response} is no ServerToAgent; check the path of the URL"
