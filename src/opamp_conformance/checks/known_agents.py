"""The agents of a conversation model, by instance_uid and by connection; a bounded number of them."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from opamp_conformance.checks.agent_memory import AgentMemory

MOST_AGENTS: Final = 20_000
"""Of more agents, those are forgotten that were silent the longest."""
_MOST_UNCERTAIN: Final = 200_000
_CLOSED: Final = b"closed"


class KnownAgents:
    """What is known of agents. The server may know others, from before or from messages that were not seen."""

    def __init__(self) -> None:
        self._agents: OrderedDict[bytes, AgentMemory] = OrderedDict()
        self._on: dict[bytes, set[bytes]] = {}
        self._uncertain: set[bytes] = set()
        self._is_any_uncertain = False

    def __iter__(self) -> Iterator[bytes]:
        return iter(tuple(self._agents))

    def __len__(self) -> int:
        return len(self._agents)

    def __contains__(self, instance_uid: bytes) -> bool:
        return instance_uid in self._agents

    def get(self, instance_uid: bytes) -> AgentMemory | None:
        return self._agents.get(instance_uid)

    def remember(self, instance_uid: bytes, agent: AgentMemory) -> AgentMemory:
        """Return what is known of an agent that is active now: what was known already, or else this."""
        known = self._agents.setdefault(instance_uid, agent)
        self._agents.move_to_end(instance_uid)
        if len(self._agents) > MOST_AGENTS:
            self.forget(next(iter(self._agents)))
        return known

    def forget(self, instance_uid: bytes) -> None:
        """Forget an agent, which the server may know."""
        self.bind(instance_uid, None)
        self._agents.pop(instance_uid, None)
        self.note_uncertain(instance_uid)

    def forget_all(self) -> None:
        """Forget all agents, which the server may know."""
        for instance_uid in self:
            self.note_uncertain(instance_uid)
        self._agents.clear()
        self._on.clear()

    def note_uncertain(self, instance_uid: bytes) -> None:
        """Note that the server may know an agent from messages that the model has not seen."""
        if len(self._uncertain) >= _MOST_UNCERTAIN:
            self._is_any_uncertain = True
            self._uncertain.clear()
        self._uncertain.add(instance_uid)

    def is_uncertain(self, instance_uid: bytes) -> bool:
        """Return whether the server may know an agent from messages that the model has not seen, or has forgotten."""
        return self._is_any_uncertain or instance_uid in self._uncertain

    # ---- connections

    def on(self, connection_id: bytes) -> set[bytes]:
        """Return the agents that used a connection last."""
        return self._on.get(connection_id, set())

    def bind(self, instance_uid: bytes, connection_id: bytes | None) -> None:
        """Note which connection an agent uses, None for none."""
        agent = self._agents.get(instance_uid)
        if agent is None or agent.connection_id == connection_id:
            return
        if agent.connection_id in self._on:
            self._on[agent.connection_id].discard(instance_uid)
        agent.connection_id = connection_id
        if connection_id is not None:
            self._on.setdefault(connection_id, set()).add(instance_uid)

    def closed(self, connection_id: bytes) -> None:
        """Note that a connection has ended."""
        for instance_uid in self._on.pop(connection_id, ()):
            self._agents[instance_uid].connection_id = _CLOSED
