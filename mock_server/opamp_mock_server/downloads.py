"""The files of packages (DownloadableFile): by HTTP GET, in whole or from where a download broke off."""

import re
from typing import Final
from urllib.parse import unquote

from opamp_mock_server.core.packages import DOWNLOADS
from opamp_mock_server.http import Refused, Request, Response
from opamp_mock_server.stores import Plans, StoreUnavailable

_RANGE: Final = re.compile(rb"bytes=(\d{0,15})-(\d{0,15})")
_OCTETS: Final = b"application/octet-stream"


class Downloads:
    """Hands out what the plans hold. Without credentials: an offer's URL is all an agent needs."""

    def __init__(self, plans: Plans) -> None:
        self._plans = plans

    async def respond(self, request: Request) -> Response:
        """Answer a request for a file; raises Refused."""
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, "files are downloaded by GET", (b"allow", b"GET, HEAD"))
        content = await self._content(request.path)
        wanted = self.range(dict(request.headers).get(b"range"), len(content))
        if wanted is None:
            return Response(200, content, ((b"accept-ranges", b"bytes"),), _OCTETS)
        part = b"bytes %d-%d/%d" % (wanted.start, wanted.stop - 1, len(content))
        return Response(206, content[wanted], ((b"content-range", part),), _OCTETS)

    def range(self, header: bytes | None, size: int) -> slice | None:
        """Return the part asked for, None for the whole file; raises Refused for one beyond its end."""
        match = _RANGE.fullmatch(header or b"")
        if match is None or match[1] == match[2] == b"":
            return None
        first, last = match[1], match[2]
        start = int(first) if first else max(0, size - int(last))
        stop = min(size, int(last) + 1) if first and last else size
        if start >= stop:
            raise Refused(416, "the file is shorter", (b"content-range", b"bytes */%d" % size))
        return slice(start, stop)

    async def _content(self, path: str) -> bytes:
        instance_uid, _, name = path.removeprefix(f"{DOWNLOADS}/").partition("/")
        try:
            plan = await self._plans.get(bytes.fromhex(instance_uid))
        except ValueError:
            plan = None
        except StoreUnavailable as error:
            raise Refused(503, "the files are out of reach") from error
        if plan is None or unquote(name) not in plan.packages:
            raise Refused(404, "there is no such file")
        return plan.packages[unquote(name)].content
