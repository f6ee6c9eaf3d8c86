"""The mock server under overload: each limit, its metrics, and the effect on enrolled agents."""

import asyncio
import http.client
import os
import resource
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import connect

from opamp_conformance.client.agent import REQUEST_INSTANCE_UID, Agent
from opamp_mock_server import Limits, MockServer, Settings
from opamp_mock_server.limits.concurrency import ConcurrencyLimit, Priority
from opamp_mock_server.limits.limits import OverloadedError
from opamp_mock_server.limits.rate import TokenBucket
from opamp_mock_server.service.service import Delays
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb
from support.command_line import Cli
from support.http_requests import metric

UNAVAILABLE = pb.ServerErrorResponseType_Unavailable


@contextmanager
def connected(server: MockServer) -> Iterator[http.client.HTTPConnection]:
    parts = urlsplit(server.url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)) as connection:
        yield connection


def post(
    connection: http.client.HTTPConnection, message: pb.AgentToServer, key: str = ""
) -> tuple[http.client.HTTPResponse, pb.ServerToAgent]:
    headers = {"Content-Type": CONTENT_TYPE} | ({"Authorization": f"ApiKey {key}"} if key else {})
    connection.request("POST", "/v1/opamp", message.SerializeToString(), headers)
    response = connection.getresponse()
    body = response.read()
    return response, pb.ServerToAgent.FromString(body) if response.status == 200 else pb.ServerToAgent()


def get(server: MockServer, path: str, key: str = "") -> tuple[int, str]:
    with connected(server) as connection:
        connection.request("GET", path, headers={"Authorization": f"ApiKey {key}"} if key else {})
        response = connection.getresponse()
        return response.status, response.read().decode()


def first_report(*, flags: int = 0) -> pb.AgentToServer:
    return Agent("overload").full_status(flags=flags)


def asked_to_wait(response: http.client.HTTPResponse) -> bool:
    return 30 <= int(response.headers["Retry-After"]) < 60


# ---- limits, one by one


def test_the_limit_of_connections() -> None:
    with MockServer(Settings(limits=Limits(connections=2))) as server:
        parts = urlsplit(server.url)
        with connected(server) as one, connected(server) as another:
            assert post(one, first_report())[0].status == post(another, first_report())[0].status == 200
            with socket.create_connection((parts.hostname, parts.port or 0), timeout=5) as too_many:
                response = http.client.HTTPResponse(too_many)
                response.begin()
                assert response.status == 503
                assert asked_to_wait(response)
        deadline = time.monotonic() + 20
        while get(server, "/healthz")[0] != 200:
            assert time.monotonic() < deadline
        assert metric(server, 'opamp_shed_total{limit="connections"}') >= 1
        assert metric(server, "opamp_connections") == 1  # This is the connection that reads the metrics.


def allow_few_files() -> None:
    """Set the soft limit of open files to 64. The process may raise it."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def test_the_limit_of_open_files_is_raised(cli: Cli) -> None:
    process, url = cli.start(preexec_fn=allow_few_files)
    parts, connections = urlsplit(url), ExitStack()
    with process, connections:
        try:
            for _ in range(100):
                connection = HTTPConnection(parts.hostname or "", parts.port, timeout=5)
                assert post(connections.enter_context(closing(connection)), first_report())[0].status == 200
        finally:
            process.terminate()


def test_the_limit_of_idle_time() -> None:
    with MockServer(Settings(limits=Limits(idle_seconds=0.3))) as server, connected(server) as connection:
        assert post(connection, first_report())[0].status == 200
        assert connection.sock.recv(1) == b""


def test_the_limit_of_the_message_rate() -> None:
    with MockServer(Settings(limits=Limits(rate=5))) as server:
        with connected(server) as connection:
            began = time.monotonic()
            responses = [post(connection, first_report())[0] for _ in range(60)]
            statuses = Counter(response.status for response in responses)
            assert 5 <= statuses[200] <= 6 + 5 * (time.monotonic() - began)
            assert statuses[429] == 60 - statuses[200] > 0
            assert all(asked_to_wait(response) for response in responses if response.status == 429)
        assert metric(server, 'opamp_shed_total{limit="rate"}') == statuses[429]
        assert metric(server, 'opamp_http_responses_total{status="429"}') == statuses[429]


def test_the_limit_of_the_rate_per_key() -> None:
    limits = Limits(rate_per_key=0.01)
    with MockServer(Settings(limits=limits, enrollment_keys=("one", "two"))) as server:
        with connected(server) as connection:
            first = Counter(post(connection, first_report(), "one")[0].status for _ in range(5))
            # This is the same key with another spelling of the header.
            connection.putrequest("POST", "/v1/opamp")
            for name, value in (
                ("Content-Type", CONTENT_TYPE),
                ("Authorization", "bearer   one"),
                ("Content-Length", "0"),
            ):
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            response.read()
            assert response.status == 429
            assert post(connection, first_report(), "two")[0].status == 200
        assert first == {200: 1, 429: 4}
        assert 'opamp_shed_total{limit="rate_per_key"} 5.0' in get(server, "/metrics", "two")[1]


def test_a_throttled_websocket_message_gets_an_unavailable_reply() -> None:
    with MockServer(Settings(limits=Limits(rate=0.01))) as server:
        replies = []
        with connect(server.url.replace("http", "ws"), compression=None) as websocket:
            agent = Agent("overload")
            for _ in range(6):
                websocket.send(b"\0" + agent.full_status().SerializeToString())
                payload = websocket.recv(timeout=5)
                assert isinstance(payload, bytes)
                replies.append(pb.ServerToAgent.FromString(payload[1:]))
    refused = [reply for reply in replies if reply.HasField("error_response")]
    assert len(refused) == 5
    for reply in refused:
        assert reply.instance_uid == agent.instance_uid
        assert reply.error_response.type == UNAVAILABLE
        assert reply.error_response.retry_info.retry_after_nanoseconds >= 30e9


def test_the_limit_of_the_enrollment_rate() -> None:
    with MockServer(Settings(limits=Limits(enrollment_rate=0.01))) as server:
        with connected(server) as connection:
            enrolled = Agent("overload")
            assert post(connection, enrolled.full_status())[0].status == 200
            refused = Counter(post(connection, first_report(flags=REQUEST_INSTANCE_UID))[0].status for _ in range(20))
            assert refused == {503: 20}
            assert all(post(connection, enrolled.check_in())[0].status == 200 for _ in range(20))
            # A refused agent_disconnect is no enrollment, so the limit does not apply.
            disconnect = Agent("overload").disconnect()
            assert post(connection, disconnect)[1].error_response.type == pb.ServerErrorResponseType_BadRequest
        assert metric(server, 'opamp_shed_total{limit="enrollment_rate"}') == refused[503]
        assert metric(server, "opamp_agents") == 1


def test_the_limit_of_agents_in_memory() -> None:
    with MockServer(Settings(limits=Limits(agents=3))) as server, connected(server) as connection:
        agents = [Agent("overload") for _ in range(5)]
        replies = [post(connection, agent.full_status())[1] for agent in agents]
        assert [reply.error_response.type == UNAVAILABLE for reply in replies] == [False, False, False, True, True]
        assert not post(connection, agents[0].check_in())[1].HasField("error_response")
        assert metric(server, "opamp_agents") == 3
        assert metric(server, 'opamp_message_seconds_count{kind="unavailable"}') == 2


# ---- metrics and health


def test_metrics_count_messages_and_need_a_key() -> None:
    with MockServer(Settings(enrollment_keys=("key",))) as server, connected(server) as connection:
        agent = Agent("overload")
        for message in (agent.full_status(), agent.check_in(), agent.check_in(), agent.disconnect()):
            post(connection, message, "key")
        post(connection, Agent("overload").disconnect(), "key")
        assert get(server, "/metrics")[0] == 401
        metrics = get(server, "/metrics", "key")[1]
        assert get(server, "/healthz") == (200, "serving\n")
    for kind, count in {"enrollment": 1, "check_in": 2, "disconnect": 1, "refused": 1, "unavailable": 0}.items():
        assert f'opamp_message_seconds_count{{kind="{kind}"}} {count}.0\n' in metrics
        assert f'opamp_message_seconds_bucket{{kind="{kind}",le="+Inf"}} {count}.0\n' in metrics


# ---- a slow store


class EnrollingClients:
    """Clients that request enrollments on many connections, as fast as they get replies."""

    def __init__(self, server: MockServer) -> None:
        self.server = server
        self.answers: Counter[int] = Counter()
        self.ended = threading.Event()

    def request_enrollments(self) -> None:
        """Request enrollments until the end, whatever the replies are."""
        with connected(self.server) as connection:
            while not self.ended.is_set():
                response, reply = post(connection, first_report(flags=REQUEST_INSTANCE_UID))
                self.answers[response.status if not reply.HasField("error_response") else 0] += 1
                if response.status != 200:
                    time.sleep(0.01)  # Other clients in this process need time, too.


@contextmanager
def enrolling(server: MockServer, clients: int) -> Iterator[EnrollingClients]:
    """Run this number of clients that request enrollments until the end of the block."""
    enrollments = EnrollingClients(server)
    with ThreadPoolExecutor(clients) as pool:
        for _ in range(clients):
            pool.submit(enrollments.request_enrollments)
        try:
            time.sleep(0.5)
            yield enrollments
        finally:
            enrollments.ended.set()


def test_many_enrollments_do_not_block_enrolled_agents() -> None:
    """The store processes 20 messages at once in 0.1 s, at most half of them enrollments. 100 clients request them."""
    settings = Settings(delays=Delays(0.1, 0.1), limits=Limits(concurrent=20, queue_seconds=0.2))
    with MockServer(settings) as server, connected(server) as connection:
        enrolled = Agent("overload")
        post(connection, enrolled.full_status())
        with enrolling(server, 10) as enrollments:
            before = enrollments.answers[200]
            time.sleep(2)
            best = enrollments.answers[200] - before
            assert enrollments.answers[503] == 0
        with enrolling(server, 100) as enrollments:
            before, until = enrollments.answers[200], time.monotonic() + 2
            while time.monotonic() < until:
                response, reply = post(connection, enrolled.check_in())
                assert response.status == 200
                assert not reply.HasField("error_response")
            goodput = enrollments.answers[200] - before
            waiting = metric(server, "opamp_store_waiting_enrollments")
        assert goodput >= 0.3 * best > 0, "the enrollments that cannot be served take the place of others"
        assert enrolled.sequence_num > 5
        assert enrollments.answers[503] > 0
        assert waiting > 0
        assert metric(server, 'opamp_shed_total{limit="queue"}') > 0
        assert metric(server, "opamp_store_under_way") == 0


def test_a_slot_of_a_cancelled_task_is_released() -> None:
    async def work() -> None:
        limit = ConcurrencyLimit(Limits(concurrent=1), Counter())

        async def hold_slot(seconds: float) -> None:
            async with limit.slot(Priority.CHECK_IN):
                await asyncio.sleep(seconds)

        first = asyncio.create_task(hold_slot(10))
        second = asyncio.create_task(hold_slot(10))
        await asyncio.sleep(0)
        second.cancel()  # It waits for a slot.
        third = asyncio.create_task(hold_slot(0))
        await asyncio.sleep(0)
        first.cancel()  # It has the slot.
        await asyncio.wait_for(third, 1)
        assert limit.in_use == 0

        # A task gets the slot and is cancelled in the same iteration of the loop.
        async with limit.slot(Priority.CHECK_IN):
            waiting = asyncio.create_task(hold_slot(10))
            await asyncio.sleep(0)
        assert limit.in_use == 1
        waiting.cancel()
        await asyncio.wait([waiting])
        assert limit.in_use == 0

    asyncio.run(work())


def test_half_of_the_slots_are_reserved_for_check_ins() -> None:
    async def work() -> None:
        limit = ConcurrencyLimit(Limits(concurrent=4), Counter())
        slots = [limit.slot(Priority.ENROLLMENT) for _ in range(4)]
        entering = [asyncio.create_task(slot.__aenter__()) for slot in slots]
        await asyncio.sleep(0)
        assert [task.done() for task in entering] == [True, True, False, False]
        async with asyncio.timeout(1), limit.slot(Priority.CHECK_IN), limit.slot(Priority.CHECK_IN):
            assert limit.in_use == 4
            await slots[0].__aexit__(None, None, None)
            await asyncio.sleep(0)
            assert [task.done() for task in entering] == [True, True, True, False]

    asyncio.run(work())


def test_a_task_that_would_wait_too_long_is_refused_at_once() -> None:
    async def work() -> None:
        limit = ConcurrencyLimit(Limits(concurrent=1, queue_seconds=0.05), Counter())
        async with limit.slot(Priority.CHECK_IN):
            waiting = asyncio.create_task(limit.slot(Priority.CHECK_IN).__aenter__())
            await asyncio.sleep(0.06)
            with pytest.raises(OverloadedError):
                await limit.slot(Priority.CHECK_IN).__aenter__()
            assert not waiting.done()
        await waiting

    asyncio.run(work())


def test_a_token_bucket_refills(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("opamp_mock_server.limits.rate.monotonic", lambda: now[0])
    bucket = TokenBucket(2)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now[0] = 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    now[0] = 60
    assert [bucket.take() for _ in range(3)] == [True, True, False]


# ---- the end of the server


def test_requests_in_progress_are_finished_before_the_server_stops(cli: Cli) -> None:
    """SIGTERM arrives while one enrollment is at the store, and half of another request has arrived."""
    process, url = cli.start("--delay", "2", "2", "--drain", "20")
    parts = urlsplit(url)
    body = first_report().SerializeToString()
    head = b"POST /v1/opamp HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n"
    whole = head % len(body) + body
    with process:
        address = (parts.hostname or "", parts.port or 0)
        with socket.create_connection(address, timeout=10) as one, socket.create_connection(address, timeout=10) as two:
            one.sendall(whole)
            two.sendall(whole[:100])
            time.sleep(0.3)
            os.kill(process.pid, signal.SIGTERM)
            time.sleep(0.3)
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(address, timeout=1)
            two.sendall(whole[100:])
            for connection in (one, two):
                answer = b""
                while part := connection.recv(65536):
                    answer += part
                assert answer.startswith(b"HTTP/1.1 200")
                assert b"connection: close" in answer
        assert process.wait(10) == 0


def test_the_drain_time_is_limited(cli: Cli) -> None:
    process, url = cli.start("--delay", "30", "30", "--drain", "0.5")
    parts = urlsplit(url)
    with process, closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)) as connection:
        connection.request("POST", "/v1/opamp", first_report().SerializeToString(), {"Content-Type": CONTENT_TYPE})
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(15) == 0
        assert time.monotonic() - began < 10


def test_limits_are_options(cli: Cli) -> None:
    with cli.serve("--rate", "1", "--max-agents", "1") as url:
        parts = urlsplit(url)
        with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as connection:
            assert [post(connection, first_report())[0].status for _ in range(2)] == [200, 429]


def test_a_rate_per_key_needs_enrollment_keys(cli: Cli) -> None:
    result = cli("serve", "--rate-per-key", "5")
    assert result.returncode == 2
    assert "--enrollment-key" in result.stderr
