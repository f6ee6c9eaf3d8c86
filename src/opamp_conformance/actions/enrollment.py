"""Enrollment, as seen from outside: the server accepts agent_disconnect only from an enrolled agent."""

from functools import cached_property

from opamp_conformance.actions.fleet_documents import FleetDocuments
from opamp_conformance.actions.preconditions import require_accepted
from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, Agent
from opamp_conformance.client.client import Client
from opamp_conformance.client.message_parts import with_part
from opamp_conformance.errors import PreconditionFailedError, Violation, ViolationError
from opamp_conformance.wire.exchange import Exchange, error_name
from opamp_proto import opamp_pb2 as pb


class Enrollment:
    """Enrolls agents, and probes which agents are enrolled.

    The probe trusts an answer only after a control has shown that the other answer occurs, too. It disconnects the
    agent, which stays enrolled; so it comes last in a scenario.
    """

    def __init__(self, client: Client, run_id: str, documents: FleetDocuments) -> None:
        self._client = client
        self._run_id = run_id
        self._documents = documents

    # ---- Givens

    def enrolled_agent(self) -> Agent:
        """Make an agent that is enrolled under its own instance_uid."""
        self.require_auto_enrollment()
        agent = Agent(self._run_id)
        require_accepted(self._client.send(agent.full_status()), "fleet.auto-enrollment")
        return agent

    def check_in(self, agent: Agent) -> None:
        require_accepted(self._client.send(agent.check_in()), "fleet.check-in")

    def disconnect(self, agent: Agent, *, full_report: bool = False) -> None:
        require_accepted(self._client.send(agent.disconnect(full_report=full_report)), "fleet.disconnect.enrolled")

    def refused_disconnect(self, agent: Agent, *, flags: int = 0, full_report: bool = False) -> Exchange:
        """Send an agent_disconnect that the server has to refuse."""
        exchange = self._client.send(agent.disconnect(flags=flags, full_report=full_report))
        if not _is_bad_request(exchange):
            broken = "fleet.disconnect.with-flag" if flags & REQUEST_INSTANCE_UID else "fleet.disconnect.unenrolled"
            raise PreconditionFailedError(broken, "the agent_disconnect was not refused as a BadRequest")
        return exchange

    def send_disconnect_with(self, agent: Agent, part: str, *, flags: int = 0) -> Exchange:
        """Send an agent_disconnect in a message that has one more part."""
        message = with_part(agent, part, flags=flags)
        message.agent_disconnect.SetInParent()
        return self._client.send(message)

    def require_auto_enrollment(self) -> None:
        """Require that an agent which reports its status is enrolled by that."""
        if _is_bad_request(self._disconnect_of_enrolled):
            raise PreconditionFailedError(
                "fleet.auto-enrollment", "an agent that has reported its status is unknown when it disconnects"
            )

    def require_disconnect_accepted(self) -> None:
        """Require that an enrolled agent may disconnect: otherwise, the refusal of another agent proves nothing."""
        if not self._is_accepted(self._disconnect_of_enrolled):
            raise PreconditionFailedError(
                "fleet.disconnect.enrolled", "an agent that has reported its status may not disconnect"
            )

    # ---- the probe

    def is_enrolled(self, agent: Agent) -> bool:
        """Return whether an agent is enrolled; raises PreconditionFailedError if the target does not show it."""
        enrolled = self._is_accepted(self._client.send(agent.clone().disconnect()))
        if enrolled and self._is_accepted(self._disconnect_of_unknown):
            raise PreconditionFailedError(
                "fleet.disconnect.unenrolled", "agent_disconnect is accepted from agents that were never seen before"
            )
        if self._documents.are_readable and (self._documents.get(agent.instance_uid) is not None) is not enrolled:
            raise ViolationError(
                Violation(
                    f"{'a' if enrolled else 'no'} document of an agent whose agent_disconnect is "
                    f"{'accepted' if enrolled else 'refused'}",
                    f"{'none' if enrolled else 'one'} in the index",
                )
            )
        return enrolled

    @cached_property
    def _disconnect_of_enrolled(self) -> Exchange:
        agent = Agent(self._run_id)
        if self._client.send(agent.full_status()).reply.HasField("error_response"):
            raise PreconditionFailedError(
                "fleet.auto-enrollment", "an unknown agent's full report is answered with an error"
            )
        return self._client.send(agent.disconnect())

    @cached_property
    def _disconnect_of_unknown(self) -> Exchange:
        return self._client.send(Agent(self._run_id).disconnect())

    def _is_accepted(self, exchange: Exchange) -> bool:
        if not exchange.reply.HasField("error_response"):
            return True
        if _is_bad_request(exchange):
            return False
        name = error_name(exchange.reply.error_response.type)
        raise PreconditionFailedError("fleet.disconnect.enrolled", f"agent_disconnect is answered with {name}")


def _is_bad_request(exchange: Exchange) -> bool:
    return exchange.reply.error_response.type == pb.ServerErrorResponseType_BadRequest
