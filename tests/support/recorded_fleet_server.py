"""Replies of a real Fleet Server 9.5, and a server that gives them to other agents.

Each recording contains a request, the bytes of the reply, and the changes in the index of the server.
"""

import json
import socket
from pathlib import Path
from typing import Any, Final

import uuid6

from opamp_proto import opamp_pb2 as pb
from support.bad_server import BadServer, read_request, respond

RECORDINGS: Final[dict[str, dict[str, Any]]] = {
    recording["case"]: recording
    for recording in json.loads((Path(__file__).parents[1] / "data" / "fleet_server_9.5.json").read_text())
    if "request" in recording
}
_ENROLLED: Final = "a"
_CHECK_IN: Final = "b"
_NEW_INSTANCE_UID: Final = "c"
_DISCONNECTED: Final = "e3"
_DISCONNECT_REFUSED: Final = "d"
_NOT_ENROLLED: Final = "h3"
_TOO_MANY_REQUESTS: Final = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 18\r\n\r\n"
    b'{"statusCode":429}'
)


class RecordedFleetServer(BadServer):
    """Answers each message with the recorded reply to such a message, for the instance_uid of its agent.

    It refuses each enrollment, or each request, whose number is a multiple of the given one, as beyond a limit. If it
    has ``short_connections``, it ends each connection after a reply, as after a time without requests.
    """

    def __init__(self, *, enrollments: int = 0, requests: int = 0, short_connections: bool = False) -> None:
        super().__init__(self._answer)
        self._refused_enrollment = enrollments
        self._refused_request = requests
        self._has_short_connections = short_connections
        self._enrollments = self._requests = 0
        self._enrolled: set[bytes] = set()
        self.refused = 0
        """How many enrollments and requests it has refused."""

    def _answer(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            self._requests += 1
            if self._is_refused(self._requests, self._refused_request):
                connection.sendall(_TOO_MANY_REQUESTS)
                continue
            message = pb.AgentToServer.FromString(request.partition(b"\r\n\r\n")[2])
            reply = pb.ServerToAgent.FromString(bytes.fromhex(RECORDINGS[self._case(message)]["reply_bytes_hex"]))
            reply.instance_uid = message.instance_uid
            if reply.agent_identification.new_instance_uid:
                reply.agent_identification.new_instance_uid = uuid6.uuid7().bytes
                self._enrolled.add(reply.agent_identification.new_instance_uid)
            respond(connection, reply.SerializeToString())
            if self._has_short_connections:
                return

    def _is_refused(self, number: int, multiple: int) -> bool:
        is_refused = multiple > 0 and number % multiple == 0
        self.refused += is_refused
        return is_refused

    def _case(self, message: pb.AgentToServer) -> str:
        """Return the recording of a message like this one."""
        is_request = message.flags & pb.AgentToServerFlags_RequestInstanceUid
        if message.instance_uid in self._enrolled and not is_request:
            return _DISCONNECTED if message.HasField("agent_disconnect") else _CHECK_IN
        if message.HasField("agent_disconnect"):
            return _DISCONNECT_REFUSED
        self._enrollments += 1
        if self._is_refused(self._enrollments, self._refused_enrollment):
            return _NOT_ENROLLED
        if is_request:
            return _NEW_INSTANCE_UID
        self._enrolled.add(message.instance_uid)
        return _ENROLLED
