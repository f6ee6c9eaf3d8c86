"""The frames of WebSockets that the mock server reads itself, and those that it leaves to the library."""

import os
import socket
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.uri import parse_uri

from opamp_conformance.client.agent import Agent
from opamp_mock_server import Contract, MockServer, Settings
from opamp_mock_server.transports.frames import whole_message, wire_size
from opamp_proto import opamp_pb2 as pb

SIZES = (0, 1, 3, 4, 125, 126, 127, 133, 1000, 65_535, 65_536)


def wire(frame: Frame) -> bytes:
    return frame.serialize(mask=True)


def binary(data: bytes) -> bytes:
    return wire(Frame(Opcode.BINARY, data))


@pytest.mark.parametrize("size", SIZES)
def test_a_whole_message_is_read_as_the_library_wrote_it(size: int) -> None:
    content = os.urandom(size)
    data = binary(content)
    # The library reads longer ones.
    assert whole_message(data, None) == (content if size < 65_536 else None)
    assert wire_size(Frame(Opcode.BINARY, content)) == len(data)


OTHERS = {
    "nothing": b"",
    "half of a head": b"\x82",
    "no length": b"\x82\xfe",
    "half of a length": b"\x82\xfe\x00",
    "a text": wire(Frame(Opcode.TEXT, b"text")),
    "a first part": wire(Frame(Opcode.BINARY, b"part", fin=False)),
    "another part": wire(Frame(Opcode.CONT, b"part")),
    "a ping": wire(Frame(Opcode.PING, b"ping")),
    "an extension": b"\xc2" + binary(b"compressed")[1:],
    "no mask": Frame(Opcode.BINARY, b"not masked").serialize(mask=False),
    "cut off": binary(b"cut off")[:-1],
    "two frames": binary(b"two") + binary(b"frames"),
    "a length in eight bytes": b"\x82\xff" + (127).to_bytes(8, "big") + bytes(4) + bytes(127),
    "as many bytes as such a length looks like": b"\x82\xff" + bytes(127 + 4),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_everything_else_is_left_to_the_library(kind: str) -> None:
    assert whole_message(OTHERS[kind], None) is None


def test_a_message_over_the_limit_is_left_to_the_library() -> None:
    assert whole_message(binary(bytes(10)), 10) is not None
    assert whole_message(binary(bytes(11)), 10) is None


class RawClient:
    """A WebSocket whose bytes are written as they are."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split("/")[0].split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=10)
        self._protocol = ClientProtocol(parse_uri("ws" + url.removeprefix("http")))
        self._protocol.send_request(self._protocol.connect())
        self.write(b"".join(self._protocol.data_to_send()))
        assert next(self._events()).status_code == 101

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def _events(self) -> Iterator[object]:
        while True:
            data = self._socket.recv(65_536)
            assert data, "the server has closed the connection"
            self._protocol.receive_data(data)
            yield from self._protocol.events_received()

    def replies(self, count: int) -> list[pb.ServerToAgent]:
        """Return so many messages; Pong frames are left out."""
        found: list[pb.ServerToAgent] = []
        for event in self._events():
            if isinstance(event, Frame) and event.opcode is Opcode.BINARY:
                found.append(pb.ServerToAgent.FromString(bytes(event.data[1:])))
            if len(found) == count:
                break
        return found

    def close_code(self) -> int | None:
        """Wait for the Close frame, and return its code."""
        for event in self._events():
            if isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                assert self._protocol.close_rcvd is not None
                return self._protocol.close_rcvd.code
            assert not isinstance(event, Frame), event
        return None

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with MockServer(Settings(contract=Contract.OPAMP)) as server:
        yield server.url


def frames_of(data: bytes, kind: str) -> list[bytes]:
    """Return frames with one message, and maybe Ping frames."""
    half = len(data) // 2
    if kind == "whole":
        return [binary(data)]
    parts = [wire(Frame(Opcode.BINARY, data[:half], fin=False)), wire(Frame(Opcode.CONT, data[half:]))]
    return [parts[0], wire(Frame(Opcode.PING, b"ping")), parts[1]] if kind == "ping between" else parts


@given(
    kinds=st.lists(st.sampled_from(["whole", "whole", "parts", "ping between"]), min_size=1, max_size=12),
    cuts=st.lists(st.integers(min_value=1, max_value=3000), max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_messages_are_answered_in_order_wherever_the_stream_is_cut(url: str, kinds: list[str], cuts: list[int]) -> None:
    client = RawClient(url)
    agents = [Agent(f"cut {number}", os.urandom(16)) for number, _ in enumerate(kinds)]
    stream = b"".join(
        frame
        for agent, kind in zip(agents, kinds, strict=True)
        for frame in frames_of(b"\0" + agent.full_status().SerializeToString(), kind)
    )
    for start, end in pairwise([0, *sorted({cut for cut in cuts if cut < len(stream)}), len(stream)]):
        client.write(stream[start:end])
    assert [reply.instance_uid for reply in client.replies(len(agents))] == [agent.instance_uid for agent in agents]
    client.close()


def test_a_frame_inside_a_message_is_part_of_it(url: str) -> None:
    client, agent = RawClient(url), Agent("frame inside", os.urandom(16))
    message = agent.full_status()
    inside = binary(b"\0" + Agent("nobody", os.urandom(16)).full_status().SerializeToString())
    message.custom_message.MergeFrom(pb.CustomMessage(capability="com.example/1", type="frame", data=inside))
    content = b"\0" + message.SerializeToString()
    assert content.endswith(inside)
    data = b"\x82\xfe" + len(content).to_bytes(2, "big") + bytes(4) + content  # This mask changes nothing.
    for part in (data[: -len(inside)], inside, binary(b"\0" + agent.check_in().SerializeToString())):
        client.write(part)
        time.sleep(0.1)  # The server reads each part by itself.
    assert [reply.instance_uid for reply in client.replies(2)] == [agent.instance_uid] * 2
    client.close()


def test_a_message_between_the_parts_of_another_is_an_error(url: str) -> None:
    client, agent = RawClient(url), Agent("between", os.urandom(16))
    data = b"\0" + agent.full_status().SerializeToString()
    client.write(wire(Frame(Opcode.BINARY, data[:9], fin=False)))
    time.sleep(0.1)
    client.write(binary(data))
    assert client.close_code() == CloseCode.PROTOCOL_ERROR
    client.close()
