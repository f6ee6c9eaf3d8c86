"""Some agents of a load test, which the model of the conversation follows: it knows all that came before a reply."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from opamp_conformance.checks.conversation import Conversation
from opamp_conformance.checks.offer_memory import Breach
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.websocket import WebSocketMessage
from opamp_proto import INSTANCE_UID_BYTES

_MOST: Final = 20
"""How many agents of a process are followed. A server that breaks a promise breaks it for some of them, too."""


class FollowedAgents:
    """The followed agents of one process. Most agents are not followed: to judge a message costs as much as to send it.

    An agent keeps its WebSocket when it adopts a new instance_uid, so each of them has an id of its connection.
    """

    def __init__(self, contract: Contract) -> None:
        self._conversation = Conversation({Contract.OPAMP, contract})
        self._connection_ids: dict[bytes, bytes] = {}
        self._number = 0

    def __contains__(self, instance_uid: bytes) -> bool:
        return instance_uid in self._connection_ids

    def follow(self, instance_uid: bytes) -> None:
        """Follow an agent that enrolls, if there is room for it."""
        if self._number < _MOST and instance_uid not in self:
            self._number += 1
            self._connection_ids[instance_uid] = instance_uid

    def leave(self, instance_uid: bytes) -> None:
        """Note that an agent has left for good."""
        self.close_connection(instance_uid)
        if self._connection_ids.pop(instance_uid, None):
            self._number -= 1

    def unsettle(self, instance_uid: bytes) -> None:
        """Note that it is open what the server knows: after a lost reply, and after an unsolicited message."""
        if instance_uid in self:
            self._conversation.forget(instance_uid)

    def close_connection(self, instance_uid: bytes) -> None:
        """Note that the agent's WebSocket is closed."""
        connection_id = self._connection_ids.get(instance_uid)
        if connection_id is not None:
            self._conversation.connection_closed(connection_id)

    def breaches(self, exchange: Exchange) -> Iterator[Breach]:
        """Yield what the reply of an exchange breaks, and remember the exchange."""
        uid = exchange.instance_uid
        request = exchange.request
        if isinstance(request, WebSocketMessage):
            exchange = replace(exchange, request=replace(request, connection_id=self._connection_ids[uid]))
        yield from self._conversation.follow(exchange)
        announced = exchange.message.agent_identification.new_instance_uid if exchange.message is not None else b""
        if len(announced) == INSTANCE_UID_BYTES:
            self._connection_ids[announced] = self._connection_ids[uid]
