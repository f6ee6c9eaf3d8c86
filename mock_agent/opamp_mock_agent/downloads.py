"""Downloads of packages over HTTP."""

from typing import Final

import aiohttp

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.core.packages import Download
from opamp_mock_agent.errors import ConnectionFailedError

_SECONDS: Final = 60.0
_MAX_BYTES: Final = 1024 * 1024 * 1024
_OK: Final = 200


async def fetch(download: Download, behaviour: Behaviour) -> None:
    """Download a file, and throw it away: the agent installs nothing. Raises ConnectionFailedError."""
    headers = dict(download.headers) if behaviour.sends_download_headers else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session,
            session.request(behaviour.download_method, download.url, headers=headers) as response,
        ):
            if response.status != _OK:
                raise ConnectionFailedError(f"the download ends with the status {response.status}")
            size = 0
            async for chunk in response.content.iter_chunked(64 * 1024):
                size += len(chunk)
                if size > _MAX_BYTES:
                    raise ConnectionFailedError("the file is too large")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise ConnectionFailedError(f"the download fails: {str(error) or type(error).__name__}") from error
