"""The driver's side of the agent: verbs on standard input, as JSON lines, and an answer to each on standard output."""

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from opamp_mock_agent.agent import MockAgent
from opamp_mock_agent.errors import MockAgentError
from opamp_mock_agent.settings import AgentSettings
from opamp_mock_agent.verbs import VERBS, VerbError, do

_STOP_SECONDS: Final = 5.0


class Driver:
    """Runs one agent at a time, and tells it what to do."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._agent: MockAgent | None = None
        self._running: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Answer verbs until the input ends."""
        _write({"verbs": ["start", "stop", "request-uid", *VERBS]})
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            number = None
            try:
                request = json.loads(line)
                number = request["id"]
                await self._do(request["verb"], request)
            except (MockAgentError, AttributeError, KeyError, TypeError, ValueError) as error:
                _write({"id": number, "ok": False, "error": str(error) or type(error).__name__})
            else:
                _write({"id": number, "ok": True})
        await self._stop()

    async def _do(self, verb: str, request: Mapping[str, Any]) -> None:
        if verb in ("start", "request-uid"):
            await self._stop()
            self._start(request)
        elif verb == "stop":
            await self._stop()
        elif self._agent is None and verb in VERBS:
            raise VerbError("no agent is started")
        elif self._agent is None:
            raise VerbError(f"there is no verb {verb!r}")
        else:
            do(self._agent, verb, request)

    def _start(self, request: Mapping[str, Any]) -> None:
        """Start the agent with the fields url and state."""
        settings = replace(
            self._settings,
            url=request["url"],
            state=Path(request["state"]) if request.get("state") else self._settings.state,
            request_instance_uid=request["verb"] == "request-uid",
        )
        self._agent = MockAgent(settings)
        self._running = asyncio.create_task(self._agent.run())

    async def _stop(self) -> None:
        if self._agent is None or self._running is None:
            return
        self._agent.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._running
        self._agent = self._running = None


def _write(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
