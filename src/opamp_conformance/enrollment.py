"""Who is enrolled, as seen from outside: an agent_disconnect is accepted from an enrolled agent only."""

from functools import cached_property

from opamp_conformance.agent import Agent
from opamp_conformance.client import Client
from opamp_conformance.errors import Breach, Unmet
from opamp_conformance.exchange import Exchange
from opamp_conformance.validation import name_of_error
from opamp_conformance.witness import Witness
from opamp_proto import opamp_pb2 as pb


class Enrollment:
    """Probes the target. Either answer of the probe is trusted only after a control has shown that it occurs.

    A probe disconnects the agent, which stays enrolled; so it comes last in a scenario.
    """

    def __init__(self, client: Client, run: str, witness: Witness) -> None:
        self._client = client
        self._run = run
        self._witness = witness

    def holds(self, agent: Agent) -> bool:
        """Tell whether an agent is enrolled; raises Unmet if the target does not let that be seen."""
        enrolled = self._is_accepted(self._client.send(agent.clone().disconnect()))
        if enrolled and self._is_accepted(self._strangers_disconnect):
            raise Unmet(
                "fleet.disconnect.unenrolled", "agent_disconnect is accepted from agents nobody has seen before"
            )
        if self._witness.is_there and (self._witness.document(agent.instance_uid) is not None) is not enrolled:
            raise Breach(
                f"{'a' if enrolled else 'no'} document of an agent whose agent_disconnect is "
                f"{'accepted' if enrolled else 'refused'}",
                f"{'none' if enrolled else 'one'} in the index",
            )
        return enrolled

    def require_auto_enrollment(self) -> None:
        """Raise Unmet if an agent that reports its status is not enrolled by that."""
        if _is_bad_request(self._members_disconnect):
            raise Unmet("fleet.auto-enrollment", "an agent that has reported its status is unknown when it disconnects")

    def require_members_may_disconnect(self) -> None:
        """Raise Unmet unless an enrolled agent may disconnect: else the refusal of another would mean nothing."""
        if not self._is_accepted(self._members_disconnect):
            raise Unmet("fleet.disconnect.enrolled", "an agent that has reported its status may not disconnect")

    @cached_property
    def _members_disconnect(self) -> Exchange:
        member = Agent(self._run)
        if self._client.send(member.full_status()).reply.HasField("error_response"):
            raise Unmet("fleet.auto-enrollment", "an unknown agent's full report is answered with an error")
        return self._client.send(member.disconnect())

    @cached_property
    def _strangers_disconnect(self) -> Exchange:
        return self._client.send(Agent(self._run).disconnect())

    def _is_accepted(self, exchange: Exchange) -> bool:
        if not exchange.reply.HasField("error_response"):
            return True
        if _is_bad_request(exchange):
            return False
        error = exchange.reply.error_response
        raise Unmet("fleet.disconnect.enrolled", f"agent_disconnect is answered with {name_of_error(error.type)}")


def _is_bad_request(exchange: Exchange) -> bool:
    return exchange.reply.error_response.type == pb.ServerErrorResponseType_BadRequest
