"""Malformed messages (Bad Request): bytes that do not decode, and instance_uids of the wrong length."""

from typing import Final

from opamp_conformance.client.agent import Agent
from opamp_conformance.client.client import Client
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import GZIP, HttpRequest

NOT_PROTOBUF: Final = b"\xff" * 24
"""Bytes that no protobuf message starts with: a tag that never ends."""


class MalformedMessages:
    """Sends what no server can process."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def not_protobuf(self) -> Exchange:
        return self._client.send_bytes(NOT_PROTOBUF)

    def not_protobuf_without_credentials(self) -> Exchange:
        return self._client.deliver(HttpRequest(NOT_PROTOBUF, with_credentials=False))

    def not_protobuf_accepting_gzip(self) -> Exchange:
        return self._client.deliver(HttpRequest(NOT_PROTOBUF).with_headers({"Accept-Encoding": GZIP}))

    def cut_short(self, agent: Agent) -> Exchange:
        """Send a full report without its last byte."""
        return self._client.send_bytes(agent.full_status().SerializeToString()[:-1])

    def wrong_uid_length(self, agent: Agent, length: int, *, flags: int = 0) -> Exchange:
        """Send a full report that is correct except for the length of its instance_uid, in bytes."""
        message = agent.full_status(flags=flags)
        message.instance_uid = (message.instance_uid * 2)[:length]
        return self._client.send_bytes(message.SerializeToString(), message)

    def broken_gzip(self, agent: Agent) -> Exchange:
        """Send a body that is not gzip, although its Content-Encoding says so: its blocks are overwritten."""
        request = HttpRequest.of(agent.full_status()).compressed()
        return self._client.deliver(request.malformed(request.body[:10] + NOT_PROTOBUF))

    def gzip_cut_short(self, agent: Agent) -> Exchange:
        request = HttpRequest.of(agent.full_status()).compressed()
        return self._client.deliver(request.malformed(request.body[: len(request.body) // 2]))
