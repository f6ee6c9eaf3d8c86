"""What the server knows of an agent."""

from typing import NamedTuple


class AgentRecord(NamedTuple):
    """One enrolled agent.

    ``sequence_num`` is that of the last message taken from it; ``connected`` turns false with
    agent_disconnect. A disconnected agent stays enrolled.
    """

    instance_uid: bytes
    sequence_num: int
    connected: bool = True
