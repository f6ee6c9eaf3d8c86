"""The scripted server: plain HTTP, WebSocket, downloads and telemetry on one port, and over TLS on others."""

import asyncio
import gzip
import itertools
import threading
import time
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

from aiohttp import WSCloseCode, WSMsgType, web

from opamp_agent_checks import AgentJudge, Closed, HttpRequestFacts, Received, Sent
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.scripted_server.certificates import TlsEndpoint, UnknownAuthority
from opamp_conformance.scripted_server.dead_port import DeadPort
from opamp_conformance.scripted_server.noting_socket import NotingSocket
from opamp_conformance.scripted_server.proxy import Proxy
from opamp_conformance.scripted_server.records import (
    ConnectionEnded,
    MessageReceived,
    Opened,
    OtherRequest,
    PongReceived,
    Records,
    ReplySent,
    TlsBegun,
)
from opamp_conformance.scripted_server.replies import ALL_CAPABILITIES, RawBytes, Refusal, Reply, Scripted
from opamp_conformance.scripted_server.request_facts import certificate_of, decoded, headers_of, seconds_of
from opamp_conformance.scripted_server.websocket_frames import next_event, transport_of, write_fragments
from opamp_conformance.targets import ENDPOINT_PATH
from opamp_conformance.wire.transport import Transport
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb

T = TypeVar("T")

HOST: Final = "127.0.0.1"
SECOND_PATH: Final = f"{ENDPOINT_PATH}/second"
"""Another endpoint of the same server, to offer it."""
UNAUTHORIZED_PATH: Final = f"{ENDPOINT_PATH}/unauthorized"
"""An endpoint that refuses every credential."""
DOWNLOADS_PATH: Final = "/packages/"
MISSING_PATH: Final = f"{DOWNLOADS_PATH}missing"
TELEMETRY_PATH: Final = "/telemetry/"
_MAX_BYTES: Final = 128 * 1024 * 1024
_SWITCHING: Final = 101
_UNAUTHORIZED: Final = 401
_LOST_CODE: Final = 1006


class ScriptedServer:
    """A server on a thread of its own. It answers every message, as its script says or with an acknowledgement."""

    def __init__(self, host: str = HOST, port: int = 0) -> None:
        self.records = Records()
        self.judge = AgentJudge()
        self.capabilities = ALL_CAPABILITIES
        """The capabilities that its answers announce."""
        self.authority = UnknownAuthority()
        """The authority of its certificates."""
        self._host, self._port = host, port
        self._tls_ports: dict[TlsEndpoint, int] = {}
        self._proxy = Proxy(host, self.records.add, lambda port: port in self._tls_ports.values())
        self._script: deque[Scripted] = deque()
        self._refusals: deque[Refusal] = deque()
        self._ids = itertools.count(1)
        self._sockets: dict[int, web.WebSocketResponse] = {}
        self._closing: dict[int, asyncio.Event] = {}
        self._uids: dict[int, bytes] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted server", daemon=True)
        self._runner: web.AppRunner | None = None
        self._dead = DeadPort(HOST)

    # ---- its life

    def start(self) -> None:
        """Listen; raises InconclusiveError."""
        self._thread.start()
        try:
            self._call(self._listen())
        except OSError as error:
            self.close()
            raise InconclusiveError(f"cannot listen at {self._host}:{self._port}: {error.strerror}") from error

    def close(self) -> None:
        """End all connections, and stop."""
        if self._thread.is_alive():
            self._call(self._shut_down())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()
        self._dead.close()

    def url(self, transport: Transport, path: str = ENDPOINT_PATH) -> str:
        scheme = "ws" if transport is Transport.WEBSOCKET else "http"
        return f"{scheme}://{self._host}:{self._port}{path}"

    def dead_url(self, transport: Transport) -> str:
        """Return the URL of an endpoint where nothing listens."""
        return f"{'ws' if transport is Transport.WEBSOCKET else 'http'}://{HOST}:{self._dead.number}{ENDPOINT_PATH}"

    def tls_url(
        self, transport: Transport, endpoint: TlsEndpoint = TlsEndpoint.ORDINARY, path: str = ENDPOINT_PATH
    ) -> str:
        """Return the URL of an endpoint over TLS. Its certificate is of an authority that no system trusts."""
        scheme = "wss" if transport is Transport.WEBSOCKET else "https"
        return f"{scheme}://{self._host}:{self._call(self._tls_port(endpoint))}{path}"

    def other_url(self, path: str) -> str:
        """Return the URL of something that is not OpAMP: a download, or a destination of telemetry."""
        return f"http://{self._host}:{self._port}{path}"

    def other_tls_url(self, path: str, endpoint: TlsEndpoint = TlsEndpoint.ORDINARY) -> str:
        """The same over TLS."""
        return f"https://{self._host}:{self._call(self._tls_port(endpoint))}{path}"

    def proxy_url(self) -> str:
        """Return the URL of a proxy for HTTP, through which the endpoints over TLS can be reached."""
        return f"http://{self._host}:{self._call(self._proxy.port())}"

    # ---- what a scenario lets it do

    def push(self, reply: Reply | RawBytes) -> bool:
        """Send something on the newest WebSocket at once; return False if there is none."""
        return self._call(self._push(reply))

    def ping(self) -> bool:
        """Send a ping on the newest WebSocket; return False if there is none."""
        return self._call(self._ping())

    def answer(self, scripted: Scripted) -> None:
        """Answer the next message that it is meant for with this, instead of an acknowledgement."""
        self._call(self._do(lambda: self._script.append(scripted)))

    def refuse(self, refusal: Refusal, times: int) -> None:
        """Refuse so many of the next requests and openings."""
        self._call(self._do(lambda: self._refusals.extend([refusal] * times)))

    def close_websockets(self) -> None:
        """Close all WebSockets with a Close frame. They end when the agent answers with one, or ends them."""
        self._call(self._close_websockets())

    def drop_websockets(self) -> None:
        """End all WebSockets without a Close frame."""
        self._call(self._do(self._abort_websockets))

    # ---- inside, on the thread of the server

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _do(self, work: Any) -> Any:
        return work()

    async def _listen(self) -> None:
        app = web.Application(client_max_size=_MAX_BYTES)
        for path in (ENDPOINT_PATH, SECOND_PATH, UNAUTHORIZED_PATH):
            app.router.add_route("*", path, self._handle)
        app.router.add_route("*", "/{path:.*}", self._handle_other)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def _tls_port(self, endpoint: TlsEndpoint) -> int:
        """Return the port of an endpoint over TLS, which listens from the first call on."""
        if endpoint not in self._tls_ports:
            assert self._runner is not None
            listening = NotingSocket(self._host, self._note_tls)
            context = self.authority.server_context(endpoint)
            await web.SockSite(self._runner, listening, ssl_context=context).start()
            self._tls_ports[endpoint] = listening.getsockname()[1]
        return self._tls_ports[endpoint]

    def _note_tls(self) -> None:
        self.records.add(TlsBegun(time.monotonic(), next(self._ids)))

    async def _shut_down(self) -> None:
        await self._proxy.close()
        self._abort_websockets()
        if self._runner is not None:
            await self._runner.cleanup()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request to an endpoint of OpAMP."""
        number = next(self._ids)
        refusal = self._refusals.popleft() if self._refusals else None
        if request.path == UNAUTHORIZED_PATH:
            refusal = Refusal(_UNAUTHORIZED)
        is_upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if is_upgrade:
            status = _SWITCHING if refusal is None else refusal.status
            opened = Opened(time.monotonic(), number, request.path, headers_of(request), status, request.secure)
            self.records.add(opened)
            if refusal is None:
                return await self._talk(request, number)
            self.records.add(ReplySent(time.monotonic(), number, refusal, None, b"", refusal.status))
            return web.Response(status=refusal.status, headers=refusal.headers())
        return await self._answer_request(request, number, refusal)

    async def _answer_request(self, request: web.Request, number: int, refusal: Refusal | None) -> web.Response:
        body = await request.read()
        message, transport = decoded(body), request.transport
        facts = HttpRequestFacts(
            request.method, request.headers.get("Content-Type"), request.headers.get("OpAMP-Instance-UID")
        )
        now = time.monotonic()

        def is_awaited() -> bool:
            return transport is not None and not transport.is_closing()

        self.judge.received(Received(now, number, body, message, facts, is_awaited=is_awaited))
        self._record(now, number, Transport.HTTP, request, message, body)
        answer = refusal or self._scripted(message)
        if isinstance(answer, Refusal):
            headers = answer.headers()
            wait = seconds_of(headers.get("Retry-After"))
            self._sent(number, answer, None, b"", answer.status, retry_after=wait)
            return web.Response(status=answer.status, headers=headers)
        if isinstance(answer, RawBytes):
            self._sent(number, answer, None, answer.data, 200)
            return web.Response(body=answer.data, content_type=CONTENT_TYPE)
        await asyncio.sleep(answer.delay_seconds)
        reply = self._addressed(answer, message)
        data, of_content = reply.SerializeToString(), {"Content-Type": CONTENT_TYPE}
        if answer.is_compressed and "gzip" in request.headers.get("Accept-Encoding", ""):
            data, of_content["Content-Encoding"] = gzip.compress(data), "gzip"
        self._sent(number, answer, reply, data, 200)
        return web.Response(body=data, headers=of_content)

    async def _talk(self, request: web.Request, number: int) -> web.WebSocketResponse:
        """Exchange messages on a WebSocket until it ends."""
        websocket = web.WebSocketResponse(max_msg_size=_MAX_BYTES, autoclose=True, autoping=False, compress=False)
        await websocket.prepare(request)
        closing = asyncio.Event()
        self._sockets[number], self._closing[number] = websocket, closing
        close_code: int | None = None
        try:
            while True:
                event = await next_event(websocket, closing)
                if event is None:  # The scenario closes it.
                    self._sockets.pop(number, None)
                    await websocket.close(code=WSCloseCode.GOING_AWAY)
                    self._ended(number, websocket.close_code, by_agent=False)
                    break
                if event.type is WSMsgType.PING:
                    await websocket.pong(event.data)
                    continue
                if event.type is WSMsgType.PONG:
                    self.records.add(PongReceived(time.monotonic(), number))
                    continue
                if event.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                    close_code = event.data if event.type is WSMsgType.CLOSE else None
                    break
                if number not in self._sockets:  # The scenario has dropped it: what was under way is lost.
                    break
                is_text = event.type is WSMsgType.TEXT
                data = event.data.encode() if is_text else bytes(event.data)
                await self._take(request, number, websocket, data, is_text=is_text)
        finally:
            if self._sockets.pop(number, None) is not None:
                self._ended(number, close_code, by_agent=True)
            del self._closing[number]
        return websocket

    def _ended(self, number: int, close_code: int | None, *, by_agent: bool) -> None:
        now, code = time.monotonic(), None if close_code == _LOST_CODE else close_code
        self.records.add(ConnectionEnded(now, number, by_agent, code))
        self.judge.closed(Closed(now, number, by_agent, code is not None))

    async def _take(
        self, request: web.Request, number: int, websocket: web.WebSocketResponse, data: bytes, *, is_text: bool
    ) -> None:
        message = None if is_text else decoded(data[1:])
        now = time.monotonic()
        self.judge.received(Received(now, number, data, message, is_text=is_text))
        self._record(now, number, Transport.WEBSOCKET, request, message, data)
        if message is None or message.HasField("agent_disconnect"):
            return
        self._uids[number] = message.instance_uid
        answer = self._scripted(message)
        if isinstance(answer, Refusal):
            answer = Reply(pb.ServerToAgent())  # A refusal is for requests; here, there is none.
        await self._send(number, websocket, answer, is_answer=True)

    async def _push(self, reply: Reply | RawBytes) -> bool:
        number = self._newest()
        if number is None:
            return False
        await self._send(number, self._sockets[number], reply, is_answer=False)
        return True

    def _newest(self) -> int | None:
        """Return the newest WebSocket, if possible one on which the agent has sent a message; None without any."""
        with_messages = [number for number in self._sockets if number in self._uids]
        return max(with_messages or self._sockets, default=None)

    async def _ping(self) -> bool:
        number = self._newest()
        if number is None:
            return False
        await self._sockets[number].ping(b"a test of the agent")
        return True

    async def _send(
        self, number: int, websocket: web.WebSocketResponse, reply: Reply | RawBytes, *, is_answer: bool
    ) -> None:
        if isinstance(reply, RawBytes):
            message, data = None, reply.data
        else:
            uid = self._uids.get(number, b"")
            message = self._addressed(reply, pb.AgentToServer(instance_uid=uid))
            data = reply.header + message.SerializeToString()
        self._sent(number, reply, message, data, None, is_answer=is_answer)
        with suppress(ConnectionError, RuntimeError):  # The agent has just left; its end is recorded.
            if isinstance(reply, Reply) and reply.is_fragmented:
                write_fragments(websocket, data)
            else:
                await websocket.send_bytes(data)

    async def _close_websockets(self) -> None:
        for number in list(self._sockets):
            self._closing[number].set()

    def _abort_websockets(self) -> None:
        for number, websocket in list(self._sockets.items()):
            self._sockets.pop(number)
            transport = transport_of(websocket)
            if transport is not None:
                transport.abort()
            self._ended(number, None, by_agent=False)

    def _scripted(self, message: pb.AgentToServer | None) -> Reply | RawBytes | Refusal:
        """Return the first answer of the script that is meant for a message, or an acknowledgement."""
        for scripted in self._script:
            if message is not None and scripted.is_meant_for(message):
                self._script.remove(scripted)
                return scripted.answer
        return Reply(pb.ServerToAgent())

    def _addressed(self, reply: Reply, message: pb.AgentToServer | None) -> pb.ServerToAgent:
        """Return the message of a reply, with what every message of a server has."""
        addressed = pb.ServerToAgent(capabilities=self.capabilities)
        addressed.MergeFrom(reply.message)
        addressed.instance_uid = b"" if message is None else message.instance_uid
        return addressed

    def _record(
        self,
        now: float,
        number: int,
        transport: Transport,
        request: web.Request,
        message: pb.AgentToServer | None,
        data: bytes,
    ) -> None:
        connection = request.transport
        record = MessageReceived(
            now,
            number,
            transport,
            request.path,
            headers_of(request),
            message,
            data,
            request.secure,
            certificate_of(request),
            connection is not None and self._proxy.has_opened(connection.get_extra_info("peername")),
        )
        self.records.add(record)

    def _sent(
        self,
        number: int,
        answer: Reply | RawBytes | Refusal,
        message: pb.ServerToAgent | None,
        data: bytes,
        status: int | None,
        *,
        retry_after: float | None = None,
        is_answer: bool = True,
    ) -> None:
        now = time.monotonic()
        self.records.add(ReplySent(now, number, answer, message, data, status))
        self.judge.sent(Sent(now, number, message, status, retry_after, is_answer))

    async def _handle_other(self, request: web.Request) -> web.Response:
        """Answer a download, or take telemetry."""
        body = await request.read()
        now, number = time.monotonic(), next(self._ids)
        headers, certificate = headers_of(request), certificate_of(request)
        self.records.add(OtherRequest(now, number, request.method, request.path, headers, body, certificate))
        if request.path == MISSING_PATH:
            return web.Response(status=404)
        if request.path.startswith(DOWNLOADS_PATH):
            return web.Response(body=f"the file {request.path}".encode())
        if request.path.startswith(TELEMETRY_PATH):
            return web.Response(body=b"{}", content_type="application/json")
        return web.Response(status=404)
