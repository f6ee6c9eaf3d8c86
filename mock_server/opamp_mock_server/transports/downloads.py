"""Downloads of package files by HTTP GET, complete or in part (DownloadableFile)."""

import re
from typing import Final

from opamp_mock_server.core.packages import DOWNLOADS
from opamp_mock_server.service.traffic import Traffic
from opamp_mock_server.stores.store import DesiredStates, StoreUnavailableError
from opamp_mock_server.transports.http_messages import Request, RequestRefusedError, Response

_RANGE: Final = re.compile(rb"bytes=(\d{0,15})-(\d{0,15})")
_OCTETS: Final = b"application/octet-stream"


class Downloads:
    """Serves the files of the packages in desired states. No credentials are needed: the URL in the offer is enough."""

    def __init__(self, desired_states: DesiredStates, traffic: Traffic) -> None:
        self._desired_states = desired_states
        self._traffic = traffic

    async def respond(self, request: Request) -> Response:
        """Answer a request for a file. Raises RequestRefusedError."""
        try:
            response = await self._respond(request)
        except RequestRefusedError as refused:
            self._traffic.downloaded(request.path, refused.response.status)
            raise
        self._traffic.downloaded(request.path, response.status)
        return response

    async def _respond(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise RequestRefusedError(405, "files are downloaded by GET", (b"allow", b"GET, HEAD"))
        content = await self._content(request.path)
        wanted = self.range(dict(request.headers).get(b"range"), len(content))
        if wanted is None:
            return Response(200, content, ((b"accept-ranges", b"bytes"),), _OCTETS)
        part = b"bytes %d-%d/%d" % (wanted.start, wanted.stop - 1, len(content))
        return Response(206, content[wanted], ((b"content-range", part),), _OCTETS)

    def range(self, header: bytes | None, size: int) -> slice | None:
        """Return the requested part, None for the whole file. Raises RequestRefusedError for a part beyond its end."""
        match = _RANGE.fullmatch(header or b"")
        if match is None or match[1] == match[2] == b"":
            return None
        first, last = match[1], match[2]
        start = int(first) if first else max(0, size - int(last))
        stop = min(size, int(last) + 1) if first and last else size
        if start >= stop:
            raise RequestRefusedError(416, "the file is shorter", (b"content-range", b"bytes */%d" % size))
        return slice(start, stop)

    async def _content(self, path: str) -> bytes:
        instance_uid, _, name = path.removeprefix(f"{DOWNLOADS}/").partition("/")
        try:
            desired = await self._desired_states.get(bytes.fromhex(instance_uid))
        except ValueError:
            desired = None
        except StoreUnavailableError as error:
            raise RequestRefusedError(503, "the store of the files does not answer") from error
        if desired is None or name not in desired.packages:
            raise RequestRefusedError(404, "there is no such file")
        return desired.packages[name].content
