"""Messages and connections of WebSocket that differ from the ordinary ones."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from opamp_conformance.actions.preconditions import require_accepted
from opamp_conformance.client import sample_messages
from opamp_conformance.client.agent import Agent
from opamp_conformance.client.client import Client
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.websocket import HEADER, Closing, WebSocketMessage
from opamp_proto import opamp_pb2 as pb

# A server may note the end of a connection later than it answers the Close frame.
_NOTICE_SECONDS: Final = 0.15
_LISTEN_SECONDS: Final = 0.5
"""Long enough to notice a server that sends a few messages per second."""
ZERO_IN_TWO_BYTES: Final = b"\x80\x00"
"""The header 0 as a varint that is longer than necessary."""


class WebSocketActions:
    """Sends WebSocket messages of any form, and opens and closes connections."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def report_in_fragments(self, agent: Agent, count: int) -> Exchange:
        """Report in one WebSocket message of several frames (RFC 6455, section 5.4)."""
        message = WebSocketMessage.of(agent.full_status())
        size = len(message.body) // count + 1
        parts = tuple(message.body[start : start + size] for start in range(0, len(message.body), size))
        return self._client.deliver(replace(message, payload=parts))

    def send_header_only(self, agent: Agent) -> Exchange:
        return self._client.deliver(WebSocketMessage(HEADER, None, agent.instance_uid))

    def report_with_header(self, agent: Agent, header: bytes) -> Exchange:
        """Report after a header of any form; only 0 is correct (WebSocket Message Format)."""
        payload = header + agent.full_status().SerializeToString()
        return self._client.deliver(WebSocketMessage(payload, None, agent.instance_uid))

    def send_text_and_check_in(self, agent: Agent) -> Exchange:
        """Send a text, then a check-in as a marker: a server that ignores texts answers the check-in first."""
        text = WebSocketMessage(sample_messages.as_text(), None, agent.instance_uid)
        return self._client.deliver_in_a_row([text, WebSocketMessage.of(agent.check_in())])[0]

    def check_in_without_waiting(self, agent: Agent, count: int) -> list[Exchange]:
        return self._client.deliver_in_a_row([WebSocketMessage.of(agent.check_in()) for _ in range(count)])

    def check_in_both_without_waiting(self, agent: Agent, other: Agent) -> list[Exchange]:
        """Let two agents check in on the connection of the first one, and then take both answers."""
        second = replace(WebSocketMessage.of(other.check_in()), connection_id=agent.instance_uid)
        return self._client.deliver_in_a_row([WebSocketMessage.of(agent.check_in()), second])

    def unsolicited_per_second(self, agent: Agent) -> float:
        """Return how many messages the server sends at most to an agent that sends nothing."""
        count = self._client.count_unsolicited(agent.instance_uid, _LISTEN_SECONDS)
        return (count + 1) / _LISTEN_SECONDS if count else 0.0

    def answers_to_check_ins(self, agent: Agent, count: int, least: int, unsolicited: float) -> float:
        """Check in without waiting, until ``least`` messages have arrived beyond the unsolicited ones; return those.

        ``unsolicited`` is their number per second.
        """

        def beyond(messages: int, seconds: float) -> float:
            return messages - unsolicited * seconds - 1

        messages = [WebSocketMessage.of(agent.check_in()) for _ in range(count)]
        return beyond(*self._client.count_answers(messages, lambda *so_far: beyond(*so_far) >= least))

    def report_on_connection_of(self, agent: Agent, others: Sequence[Agent]) -> list[Exchange]:
        """Let other agents report on the connection of one agent."""
        return [self._client.send(other.full_status(), connection_id=agent.instance_uid) for other in others]

    def accompany(self, agent: Agent, other: Agent) -> Agent:
        """Let another agent report on the connection of an agent, and return it."""
        require_accepted(self._client.send(other.full_status(), connection_id=agent.instance_uid))
        return other

    def receive_for(self, agent: Agent, other: Agent) -> Exchange:
        """Return the next message for another agent on the connection of an agent: a push, or the next response."""
        pushed = self._client.receive_push(agent.instance_uid)
        return pushed or self._client.send(other.check_in(), connection_id=agent.instance_uid)

    def report_on_separate_connection(self, agent: Agent) -> Exchange:
        """Report on a connection that no other agent uses, not even one with the same instance_uid."""
        return self._as_clone(agent.full_status(), agent.instance_uid + b"separate")

    def report_as_clone_on_connection_of(self, other: Agent, clone: Agent) -> Exchange:
        """Let a clone report on the connection of another agent."""
        return self._as_clone(clone.full_status(), other.instance_uid)

    def check_in_on_separate_connection(self, agent: Agent) -> Exchange:
        return self._as_clone(agent.check_in(), agent.instance_uid + b"separate")

    def report_on_third_connection(self, agent: Agent) -> Exchange:
        return self._as_clone(agent.full_status(), agent.instance_uid + b"third")

    def _as_clone(self, message: pb.AgentToServer, connection_id: bytes) -> Exchange:
        """Send on another connection; return what comes there, or what the first agent of the two gets instead."""
        answer = self._client.send(message, connection_id=connection_id)
        if not answer.is_acknowledgement:
            return answer
        return self._client.receive_push(message.instance_uid) or answer

    def disconnect_on_connection_of(self, agent: Agent, other: Agent) -> None:
        """Let another agent say agent_disconnect on the connection of an agent, which stays open."""
        require_accepted(self._client.send(other.disconnect(), connection_id=agent.instance_uid))

    def open_and_report(self, agent: Agent, headers: Mapping[str, str], *, with_credentials: bool = True) -> Exchange:
        """Open a connection with these headers in addition to the ordinary ones, and report on it."""
        message = replace(WebSocketMessage.of(agent.full_status()), headers=headers, with_credentials=with_credentials)
        return self._client.deliver(message)

    def ping(self, agent: Agent) -> str | None:
        """Return why no pong came, None if one came."""
        return self._client.ping(agent.instance_uid)

    def close(self, agent: Agent) -> Closing:
        """Close the agent's connection, and give the server time to note it; returns how the server ended it."""
        closing = self._client.close(agent.instance_uid)
        time.sleep(_NOTICE_SECONDS)
        return closing

    def break_connection(self, agent: Agent) -> None:
        """End the agent's connection without a Close frame."""
        self._client.abort(agent.instance_uid)
        time.sleep(_NOTICE_SECONDS)

    def receive(self, agent: Agent) -> Exchange:
        """Wait for one more message on the agent's connection, or for its end."""
        return self._client.receive(agent.instance_uid)
