"""Several instances of one server, as an agent sees them behind a load balancer."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, Agent
from opamp_conformance.client.client import Client
from opamp_conformance.errors import NotApplicableError
from opamp_conformance.wire.exchange import Exchange
from opamp_proto import opamp_pb2 as pb


class OtherInstance:
    """Sends messages to another instance of the target, or to both. ``other`` is None if none was given."""

    def __init__(self, client: Client, other: Client | None) -> None:
        self._client = client
        self._other = other

    def require(self) -> Client:
        """Return the client of the other instance; raises NotApplicableError if none was given."""
        if self._other is None:
            raise NotApplicableError("no other instance of the server was given (a second --url)")
        return self._other

    def check_in(self, agent: Agent) -> Exchange:
        return self.require().send(agent.check_in())

    def disconnect(self, agent: Agent) -> Exchange:
        return self.require().send(agent.disconnect())

    def ask_for_instance_uid(self, agent: Agent) -> Exchange:
        return self.require().send(agent.full_status(flags=REQUEST_INSTANCE_UID))

    def clones_ask_both(self, agent: Agent, clones: int) -> list[Exchange]:
        """Let an agent and its clones ask for a new instance_uid at once, half of them at each instance."""
        asking = [agent, *(agent.clone() for _ in range(clones))]
        return self._send_to_both([one.full_status(flags=REQUEST_INSTANCE_UID) for one in asking])

    def report_to_both(self, agent: Agent) -> list[Exchange]:
        """Let an agent report its full status to both instances at once."""
        twin = agent.clone()
        return self._send_to_both([agent.full_status(), twin.full_status()])

    def _send_to_both(self, messages: Sequence[pb.AgentToServer]) -> list[Exchange]:
        """Send messages at the same time, every second one to the other instance."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            elsewhere = pool.submit(self.require().send_at_once, messages[1::2])
            here = self._client.send_at_once(messages[::2])
            return here + elsewhere.result()
