"""What a scenario can say: the Givens and Whens of the suite as methods, so that steps hold no logic.

A Given that the target breaks raises Unmet with the requirement in its way.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from opamp_conformance.agent import EVERY_CAPABILITY, REQUEST_INSTANCE_UID, Agent, capability
from opamp_conformance.client import Client
from opamp_conformance.enrollment import Enrollment
from opamp_conformance.errors import NotApplicable, Unmet
from opamp_conformance.exchange import Exchange
from opamp_conformance.lanes import Lanes
from opamp_conformance.offered import Offered
from opamp_conformance.operator import Operator
from opamp_conformance.transports.http import Request
from opamp_conformance.validation import name_of_error
from opamp_conformance.witness import Witness
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

NOT_PROTOBUF = b"\xff" * 24
"""Bytes that no protobuf message starts with: a tag that never ends."""


@dataclass(frozen=True)
class Scene:
    """A run's client and controls, for one scenario after the other."""

    client: Client
    run: str
    enrollment: Enrollment
    operator: Operator
    lanes: Lanes
    offered: Offered
    witness: Witness
    elsewhere: Client | None

    def unknown_agent(self) -> Agent:
        return Agent(self.run)

    def unknown_agents(self, count: int) -> list[Agent]:
        return [self.unknown_agent() for _ in range(count)]

    def reported_agent(self) -> Agent:
        """An agent that the target has seen in full (the specification knows no enrollment)."""
        agent = self.unknown_agent()
        self.report(agent)
        return agent

    def able_agent(self, *without: str) -> Agent:
        """An agent with every capability that the specification knows, but for some."""
        missing = sum(capability(name) for name in without)
        return Agent(self.run, capabilities=EVERY_CAPABILITY & ~missing)

    def plain_agent(self) -> Agent:
        """An agent that does nothing but report that it is there."""
        return Agent(self.run, capabilities=capability("ReportsStatus"))

    def report(self, agent: Agent) -> Exchange:
        """Have the agent report its full status."""
        return self.require_accepted(self.client.send(agent.full_status()))

    def hear(self, agent: Agent) -> Exchange:
        """Return what the server says next: of its own accord over WebSocket, or when the agent checks in."""
        return self.client.hear(agent.check_in, agent.instance_uid)

    def enrolled_agent(self) -> Agent:
        self.enrollment.require_auto_enrollment()
        agent = self.unknown_agent()
        self.require_accepted(self.client.send(agent.full_status()), "fleet.auto-enrollment")
        return agent

    def check_in(self, agent: Agent) -> None:
        self.require_accepted(self.client.send(agent.check_in()), "fleet.check-in")

    def disconnect(self, agent: Agent, *, full_report: bool = False) -> None:
        self.require_accepted(self.client.send(agent.disconnect(full_report=full_report)), "fleet.disconnect.enrolled")

    def refused_disconnect(self, agent: Agent, *, flags: int = 0, full_report: bool = False) -> Exchange:
        """Have an agent_disconnect refused."""
        exchange = self.client.send(agent.disconnect(flags=flags, full_report=full_report))
        if exchange.reply.error_response.type != pb.ServerErrorResponseType_BadRequest:
            broken = "fleet.disconnect.with-flag" if flags & REQUEST_INSTANCE_UID else "fleet.disconnect.unenrolled"
            raise Unmet(broken, "the agent_disconnect was not refused as a BadRequest")
        return exchange

    def given_new_instance_uid(self, agent: Agent, *, described: bool = True) -> Exchange:
        """Have the agent enrolled anew; the new_instance_uid has its 16 bytes."""
        exchange = self.ask(agent) if described else self.client.send(agent.check_in(flags=REQUEST_INSTANCE_UID))
        if exchange.reply.HasField("error_response") or not exchange.new_instance_uid:
            raise Unmet("fleet.request-uid.unknown-agent", "no new_instance_uid is announced")
        return self.require_16_bytes(exchange)

    def answered_request(self, agent: Agent) -> Exchange:
        """Have the agent's request for an instance_uid answered, by whatever the server takes for one."""
        exchange = self.ask(agent)
        if not exchange.new_instance_uid:
            raise Unmet("identification.request-uid.answered", "no new_instance_uid is announced")
        return exchange

    def require_16_bytes(self, exchange: Exchange) -> Exchange:
        length = len(exchange.new_instance_uid)
        if length != INSTANCE_UID_BYTES:
            raise Unmet("identification.new-instance-uid.length", f"new_instance_uid has {length} bytes")
        return exchange

    def ask(self, agent: Agent) -> Exchange:
        return self.client.send(agent.full_status(flags=REQUEST_INSTANCE_UID))

    def ask_in_a_row(self, agents: Sequence[Agent]) -> list[Exchange]:
        return [self.ask(agent) for agent in agents]

    def ask_at_once(self, agents: Sequence[Agent]) -> list[Exchange]:
        return self.client.send_at_once([agent.full_status(flags=REQUEST_INSTANCE_UID) for agent in agents])

    def clones_ask_at_once(self, agent: Agent, clones: int) -> list[Exchange]:
        return self.ask_at_once([agent, *(agent.clone() for _ in range(clones))])

    def adopt(self, agent: Agent, exchange: Exchange) -> None:
        agent.adopt(exchange.new_instance_uid)

    def successor(self, exchange: Exchange) -> Agent:
        """The agent that the target knows under the new_instance_uid of an exchange."""
        successor = Agent(self.run, self.require_16_bytes(exchange).new_instance_uid)
        successor.sequence_num = exchange.request.message.sequence_num if exchange.request.message else 0
        return successor

    def require_credentials(self) -> None:
        if not self.client.has_credentials:
            raise NotApplicable("no Authorization header was given for this target, so none can be left out")

    def require_accepted(self, exchange: Exchange, requirement: str = "response.no-error-on-success") -> Exchange:
        if exchange.reply.HasField("error_response"):
            error = exchange.reply.error_response
            raise Unmet(requirement, f"the message is answered with {name_of_error(error.type)}: {error.error_message}")
        return exchange

    def require_error(self, exchange: Exchange) -> Exchange:
        """Go on only if a malformed message was answered with an error_response, as it ought to be."""
        if not exchange.is_error:
            raise Unmet("bad-request.respond", "the malformed message is not answered with an error_response")
        return exchange

    def agent_with_custom_capability(self, name: str) -> Agent:
        agent = self.able_agent()
        agent.custom_capabilities = (name,)
        return agent

    def rename(self, agent: Agent) -> None:
        """Have the agent ask for a new instance_uid, and adopt it."""
        agent.adopt(self.require_16_bytes(self.answered_request(agent)).new_instance_uid)

    def told_custom_capabilities(self) -> Exchange:
        exchange = self.told_capabilities()
        if not exchange.reply.custom_capabilities.capabilities:
            raise NotApplicable("the server announces no custom capabilities")
        return exchange

    def told_capabilities(self) -> Exchange:
        exchange = self.require_accepted(self.client.send(self.unknown_agent().full_status()))
        if not exchange.reply.capabilities:
            raise Unmet("capabilities.server.first-message", "the first response carries no capabilities")
        return exchange

    def deliver_full_status(
        self, agent: Agent, headers: Mapping[str, str | None], *, authorized: bool = True
    ) -> Exchange:
        """Report with HTTP headers that differ from the ordinary ones; None takes one away."""
        request = Request.of(agent.full_status()).with_headers(headers, authorized=authorized)
        return self.client.deliver(request)

    def require_another_instance(self) -> None:
        if self.elsewhere is None:
            raise NotApplicable("no other instance of the server was given (a second --url)")

    def send_elsewhere(self, message: pb.AgentToServer) -> Exchange:
        """Send a message to the other instance."""
        assert self.elsewhere is not None
        return self.elsewhere.send(message)

    def send_everywhere(self, messages: Sequence[pb.AgentToServer]) -> list[Exchange]:
        """Send messages at the same time, every second one to the other instance."""
        assert self.elsewhere is not None
        with ThreadPoolExecutor(max_workers=1) as other:
            there = other.submit(self.elsewhere.send_at_once, messages[1::2])
            here = self.client.send_at_once(messages[::2])
            return here + there.result()

    def check_in_unasked(self, agent: Agent) -> None:
        """Check in where nothing is missing; a server that asks all the same would do so on any connection."""
        exchange = self.require_accepted(self.client.send(agent.check_in()))
        if exchange.reply.flags & pb.ServerToAgentFlags_ReportFullState:
            raise NotApplicable("the server asks for the full state also where nothing is missing")

    def await_everything_written(self) -> None:
        """Wait until the server has written what it was told before: it writes in order, so a later report shows it."""
        agent = self.reported_agent()
        self.witness.await_document(
            agent.instance_uid, lambda document: bool(document.get("last_checkin_status")), "a document with a status"
        )

    def say_goodbye(self, agent: Agent) -> None:
        """Have the agent disconnect, and not close its WebSocket yet."""
        self.require_accepted(self.client.send(agent.disconnect()))

    def check_in_and_close(self, agent: Agent) -> Exchange:
        """Check in over an HTTP connection that ends with the response (RFC 9112, section 9.6)."""
        return self.client.deliver(Request.of(agent.check_in()).with_headers({"Connection": "close"}))

    def deliver_not_protobuf(self) -> Exchange:
        return self.client.send_bytes(NOT_PROTOBUF)

    def deliver_not_protobuf_unauthorized(self) -> Exchange:
        return self.client.deliver(Request(NOT_PROTOBUF, authorized=False))

    def deliver_under_malformed_uid(self, agent: Agent, length: int, *, flags: int = 0) -> Exchange:
        """Send a full report that is right but for the length of its instance_uid."""
        message = agent.full_status(flags=flags)
        message.instance_uid = (message.instance_uid * 2)[:length]
        return self.client.send_bytes(message.SerializeToString(), message)

    def deliver_cut_short(self, agent: Agent) -> Exchange:
        return self.client.send_bytes(agent.full_status().SerializeToString()[:-1])

    def deliver_broken_gzip(self, agent: Agent) -> Exchange:
        """Send a body that says gzip and is none: its checksum and its blocks are overwritten."""
        request = Request.of(agent.full_status()).compressed()
        return self.client.deliver(request.malformed(request.body[:10] + NOT_PROTOBUF))

    def deliver_gzip_cut_short(self, agent: Agent) -> Exchange:
        request = Request.of(agent.full_status()).compressed()
        return self.client.deliver(request.malformed(request.body[: len(request.body) // 2]))

    def now(self) -> float:
        return time.time()

    def fetch(self) -> Exchange:
        return self.client.deliver(Request(b"", method="GET", headers={}))

    def wrong_credentials(self) -> dict[str, str]:
        return {"Authorization": f"ApiKey {secrets.token_urlsafe(16)}"}
