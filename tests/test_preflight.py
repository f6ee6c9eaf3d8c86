"""The first exchanges of a run: which transports a server serves, although its first replies fail."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import pytest

from opamp_conformance.client.timing import Timing
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.results.verdicts import ExitCode, Verdict
from opamp_conformance.runner.preflight import explore
from opamp_conformance.runner.run import grade
from opamp_conformance.suite.selection import Selection
from opamp_conformance.targets import Endpoint
from opamp_conformance.targets.url import UrlTarget
from opamp_conformance.wire.transport import Transport
from opamp_mock_server import Contract as ServerContract
from opamp_mock_server import MockServer, Settings
from opamp_proto import opamp_pb2 as pb
from support.bad_server import BadServer, acknowledgement, read_request, respond
from support.matrix import RunRecord

BOTH = tuple(Transport)


def in_front_of(
    server: MockServer, answer_post: Callable[[socket.socket, bytes], None]
) -> Callable[[socket.socket], None]:
    """Return the behaviour of a proxy that passes on WebSockets, and answers plain HTTP itself."""
    parts = urlsplit(server.url)

    def pass_on(source: socket.socket, destination: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                destination.sendall(data)
            destination.shutdown(socket.SHUT_WR)

    def behave(connection: socket.socket) -> None:
        if connection.recv(4, socket.MSG_PEEK) == b"POST":
            answer_post(connection, read_request(connection))
            return
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as upstream:
            back = threading.Thread(target=pass_on, args=(upstream, connection), daemon=True)
            back.start()
            pass_on(connection, upstream)
            back.join()

    return behave


@pytest.mark.parametrize(("slow", "is_slow"), [((), False), ((3,), False), (range(100), True)])
def test_one_slow_answer_does_not_make_a_server_slow(slow: Sequence[int], is_slow: bool) -> None:
    """The numbers are those of the slow requests. A busy machine is slow once, a slow server each time."""
    count = itertools.count()

    def answer(connection: socket.socket) -> None:
        while request := read_request(connection):
            if next(count) in slow:
                time.sleep(0.3)
            respond(connection, acknowledgement(request))

    with BadServer(answer) as server:
        assert explore(Endpoint(server.url), (Transport.HTTP,), "test", Timing(5)).is_slow is is_slow


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Service Unavailable"])
def test_a_first_request_that_a_proxy_refuses_is_sent_again(status: str) -> None:
    refused = []

    def refuse_once(connection: socket.socket) -> None:
        while request := read_request(connection):
            if request.startswith(b"POST") and not refused:
                refused.append(request)
                respond(connection, b"", status)
            else:
                respond(connection, acknowledgement(request))

    with BadServer(refuse_once) as server:
        found = explore(Endpoint(server.url), [Transport.HTTP], "test", Timing(5))
    assert refused
    assert found.served == (Transport.HTTP,)


@pytest.mark.parametrize("status", ["404 Not Found", "405 Method Not Allowed", "426 Upgrade Required"])
def test_a_status_that_says_so_means_that_a_transport_is_not_served(status: str) -> None:
    with MockServer() as mock, BadServer(in_front_of(mock, lambda peer, _: respond(peer, b"", status))) as server:
        assert explore(Endpoint(server.url), BOTH, "test", Timing(5)).served == (Transport.WEBSOCKET,)


@pytest.mark.parametrize(
    ("count", "code", "problem"),
    [(1, ExitCode.CONFORMANT, ""), (2, None, "the target served no http at first, and does now")],
)
def test_a_transport_that_appears_during_a_run(count: int, code: ExitCode | None, problem: str) -> None:
    """A proxy whose routes are not complete yet refuses the first requests."""
    refused = []
    settings = Settings(contract=ServerContract.OPAMP)
    selection = Selection([Contract.OPAMP], only=["response.must-respond.check-ins"])
    record = RunRecord()
    with MockServer(settings) as mock, MockServer(settings) as other:
        parts = urlsplit(other.url)

        def answer(peer: socket.socket, request: bytes) -> None:
            if len(refused) < count:
                refused.append(request)
                respond(peer, b"", "404 Not Found")
                return
            with socket.create_connection((parts.hostname or "", parts.port or 0)) as upstream:
                upstream.sendall(request)
                peer.sendall(upstream.recv(65536))

        with BadServer(in_front_of(mock, answer)) as server:
            target = UrlTarget(Endpoint(server.url))
            with contextlib.nullcontext() if code is not None else pytest.raises(InconclusiveError, match=problem):
                assert grade(target, selection, timing=Timing(3), workers=1, listeners=[record]) is code
    transports = {event.transport for event in record.scenarios}
    assert transports == (set(BOTH) if code is not None else {Transport.WEBSOCKET})


@pytest.mark.parametrize("failure", ["500", "reset", "silence"])
def test_a_server_that_fails_over_plain_http_is_not_conformant(failure: str) -> None:
    def fail(peer: socket.socket, _: bytes) -> None:
        if failure == "500":
            respond(peer, b"oops", "500 Internal Server Error")
        elif failure == "silence":
            time.sleep(5)

    record = RunRecord()
    settings = Settings(contract=ServerContract.OPAMP)
    with MockServer(settings) as mock, BadServer(in_front_of(mock, fail)) as server:
        selection = Selection([Contract.OPAMP], only=["response.must-respond.check-ins", "*-missing"])
        code = grade(UrlTarget(Endpoint(server.url)), selection, timing=Timing(2), workers=1, listeners=[record])
    assert code is ExitCode.NOT_CONFORMANT
    over_http = {event.key: event.verdict for event in record.scenarios if event.transport == Transport.HTTP}
    assert over_http["response.must-respond.check-ins"] in (Verdict.FAILED, Verdict.BLOCKED)
    reasons = [event.because for event in (*record.scenarios, *record.findings) if event.verdict is Verdict.FAILED]
    assert any("ServerToAgent" in reason or "stopped answering over http" in reason for reason in reasons)
    assert Verdict.NOT_APPLICABLE not in over_http.values()
    assert {event.verdict for event in record.scenarios if event.transport == Transport.WEBSOCKET} == {Verdict.PASSED}


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_no_access_is_inconclusive_even_with_a_server_to_agent(status: str) -> None:
    def refuse(connection: socket.socket) -> None:
        while request := read_request(connection):
            respond(connection, acknowledgement(request), status)

    with BadServer(refuse) as server, pytest.raises(InconclusiveError, match="credentials"):
        explore(Endpoint(server.url), BOTH, "test", Timing(5))


def never_available(connection: socket.socket) -> None:
    """Answer every report as a Fleet Server whose key is no enrollment key."""
    while request := read_request(connection):
        reply = acknowledgement(request)
        message = pb.ServerToAgent.FromString(reply)
        message.error_response.type = pb.ServerErrorResponseType_Unavailable
        message.error_response.error_message = "failed to enroll agent"
        respond(connection, message.SerializeToString())


def test_a_server_that_enrolls_nobody_cannot_be_graded_by_the_fleet_contract() -> None:
    selection = Selection((Contract.OPAMP, Contract.FLEET), transports=(Transport.HTTP,))
    with BadServer(never_available) as server, pytest.raises(InconclusiveError, match="an enrollment key"):
        grade(UrlTarget(Endpoint(server.url)), selection, timing=Timing(2))
    with BadServer(never_available) as server:
        assert explore(Endpoint(server.url), (Transport.HTTP,), "run", Timing(2)).served == (Transport.HTTP,)
