"""What a scenario can do with WebSockets beyond the ordinary: odd frames, shared connections, the end of one."""

from collections.abc import Mapping
from dataclasses import replace

from opamp_conformance.agent import Agent
from opamp_conformance.client import Client
from opamp_conformance.exchange import Exchange
from opamp_conformance.transports.websocket import HEADER, Frame


class Lanes:
    """Frames and connections of the agents of one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def report_in_fragments(self, agent: Agent, count: int) -> Exchange:
        """Report in one WebSocket message of several frames (RFC 6455, section 5.4)."""
        frame = Frame.of(agent.full_status())
        size = len(frame.body) // count + 1
        parts = tuple(frame.body[start : start + size] for start in range(0, len(frame.body), size))
        return self._client.deliver(replace(frame, payload=parts))

    def send_header_only(self, agent: Agent) -> Exchange:
        return self._client.deliver(Frame(HEADER, None, agent.instance_uid))

    def report_behind(self, agent: Agent, header: bytes) -> Exchange:
        """Report behind a header of any kind; 0 is the only one that is right."""
        payload = header + agent.full_status().SerializeToString()
        return self._client.deliver(Frame(payload, None, agent.instance_uid))

    def send_text_and_check_in(self, agent: Agent) -> Exchange:
        """Send a text, and a check-in as a fence: a server that ignores texts answers that first."""
        lane = agent.instance_uid
        return self._client.deliver_all([Frame("hello", None, lane), Frame.of(agent.check_in())])[0]

    def check_in_without_waiting(self, agent: Agent, count: int) -> list[Exchange]:
        return self._client.deliver_all([Frame.of(agent.check_in()) for _ in range(count)])

    def report_beside(self, agent: Agent, others: list[Agent]) -> list[Exchange]:
        """Have other agents report on the connection of one."""
        return [self._client.send(other.full_status(), beside=agent.instance_uid) for other in others]

    def report_apart(self, agent: Agent) -> Exchange:
        """Report on a connection of its own, whoever else has the instance_uid."""
        return self._client.send(agent.full_status(), beside=agent.instance_uid + b"apart")

    def report_opening_with(self, agent: Agent, headers: Mapping[str, str], *, authorized: bool = True) -> Exchange:
        """Open a connection with more headers than the ordinary ones, and report on it."""
        frame = replace(Frame.of(agent.full_status()), headers=headers, authorized=authorized)
        return self._client.deliver(frame)

    def ping(self, agent: Agent) -> str | None:
        """Return why no pong came, None if it did."""
        return self._client.pong(agent.instance_uid)

    def close(self, agent: Agent) -> int | None:
        """Return the code of the server's Close frame, None if it sent none."""
        return self._client.close(agent.instance_uid)


ZERO_IN_TWO_BYTES = b"\x80\x00"
"""The header 0 as a varint that is longer than it need be."""
