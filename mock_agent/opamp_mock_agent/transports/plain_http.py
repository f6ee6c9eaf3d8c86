"""The plain HTTP transport: one request at a time, and each response may hold a message."""

import asyncio
from typing import Final

import aiohttp
from google.protobuf.message import DecodeError

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.errors import ConnectionFailedError
from opamp_mock_agent.transports.connection import CONNECT_SECONDS, MAX_BYTES, Route, refused
from opamp_proto import CONTENT_TYPE, uuid_text
from opamp_proto import opamp_pb2 as pb

_RESPONSE_SECONDS: Final = 30.0
_OK: Final = 200


class HttpConnection:
    """The requests to one server. Responses are received in the order of the requests."""

    def __init__(self, route: Route, behaviour: Behaviour) -> None:
        self._route = route
        self._behaviour = behaviour
        self._requests: set[asyncio.Task[None]] = set()
        self._responses: asyncio.Queue[pb.ServerToAgent] = asyncio.Queue()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=route.tls or True),
            auto_decompress=behaviour.decompresses,
            timeout=aiohttp.ClientTimeout(total=_RESPONSE_SECONDS, sock_connect=CONNECT_SECONDS),
        )

    async def send(self, message: pb.AgentToServer) -> None:
        """Send a request, and keep the message in its response."""
        if not self._behaviour.waits_for_response:
            self._requests.add(asyncio.create_task(self._exchange(message)))
            return
        await self._exchange(message)

    async def _exchange(self, message: pb.AgentToServer) -> None:
        headers = self._behaviour.http_headers(
            {
                **self._route.headers,
                "Content-Type": CONTENT_TYPE,
                "OpAMP-Instance-UID": uuid_text(message.instance_uid),
            }
        )
        proxy = self._route.proxy
        try:
            async with self._session.post(
                self._route.url,
                data=message.SerializeToString(),
                headers=headers,
                allow_redirects=False,
                proxy=None if proxy is None else proxy.url,
                proxy_headers=None if proxy is None else proxy.headers,
            ) as response:
                if response.status != _OK:
                    raise refused(response.status, response.headers, reads_dates=self._behaviour.reads_dates)
                body = await self._body(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ConnectionFailedError(str(error) or type(error).__name__) from error
        try:
            self._responses.put_nowait(pb.ServerToAgent.FromString(body))
        except DecodeError as error:
            if not self._behaviour.survives_garbage:
                raise SystemExit(1) from error
            raise ConnectionFailedError("the response is not a ServerToAgent") from error

    async def receive(self) -> pb.ServerToAgent:
        return await self._responses.get()

    async def close(self, *, with_close_frame: bool = True) -> None:
        await asyncio.gather(*self._requests, return_exceptions=True)
        await self._session.close()

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """Read a body within the limit; raises ConnectionFailedError (size.http.client-receive)."""
        body = bytearray()
        async for chunk in response.content.iter_chunked(64 * 1024):
            body += chunk
            if len(body) > MAX_BYTES:
                raise ConnectionFailedError("the response is too large")
        return bytes(body)
