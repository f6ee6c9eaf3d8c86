"""Messages of one agent over the other transport."""

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.client import Client
from opamp_conformance.errors import NotApplicableError
from opamp_conformance.wire.exchange import Exchange


class OtherTransport:
    """Sends messages over the transport that a scenario does not run over; ``client`` is None if it is not served."""

    def __init__(self, client: Client | None) -> None:
        self._client = client

    def check_in(self, agent: Agent) -> Exchange:
        return self._require().send(agent.check_in())

    def _require(self) -> Client:
        if self._client is None:
            raise NotApplicableError("the run is about one transport only")
        return self._client
