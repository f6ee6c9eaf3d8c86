"""A whole agent: it connects, reports, does what the server asks, and connects again."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.core.agent import AgentCore, Reaction
from opamp_mock_agent.core.connection_settings import merged
from opamp_mock_agent.core.packages import Download
from opamp_mock_agent.deviations import behaviour_with
from opamp_mock_agent.errors import ConnectionFailedError, SettingsError
from opamp_mock_agent.saved_state import load_state
from opamp_mock_agent.settings import AgentSettings
from opamp_mock_agent.telemetry import Telemetry
from opamp_mock_agent.transports.connection import Connection, Route, route_of
from opamp_proto import opamp_pb2 as pb

_TRIAL_SECONDS: Final = 10.0
"""How long the server may take to answer over settings that the agent tries."""


class MockAgent:
    """One agent. ``say`` gets a line for what happens. Raises SettingsError if its settings cannot be used."""

    def __init__(self, settings: AgentSettings, say: Callable[[str], None] = lambda line: None) -> None:
        self._behaviour: Behaviour = behaviour_with(settings.deviations)
        self.core = AgentCore(settings, load_state(settings.state), self._behaviour)
        self._settings = settings
        self._say = say
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._restarting = False
        self._is_fresh = True
        self._trial: pb.ConnectionSettingsOffers | None = None
        if self.core.state.candidate.HasField("opamp"):
            self._trial = self.core.state.candidate
        self._last_sent = 0.0
        self._attempt = 1
        self._has_lost = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._telemetry = Telemetry(self.core)

    async def run(self) -> None:
        """Run until ``stop`` is called."""
        if self._behaviour.sends_telemetry:
            self._begin(self._telemetry.run())
        try:
            while not self._stopping.is_set():
                await self._run_connection()
        finally:
            for task in self._tasks:
                task.cancel()

    def stop(self) -> None:
        """Leave the server, and end."""
        self._stopping.set()
        self._wake.set()

    def restart(self) -> None:
        """Leave the server, and begin anew."""
        self._restarting = True
        self._wake.set()

    def wake(self) -> None:
        """Look at once whether there is something to report."""
        self._wake.set()

    # ---- connections

    async def _run_connection(self) -> None:
        """Connect, and talk until the connection ends; then wait as long as the server or the backoff says."""
        try:
            route = self._route()
            opened = [await self._open(route) for _ in range(self._behaviour.connections)]
            try:
                await self._talk(opened[0], route)
            finally:
                for connection in opened:
                    await connection.close()
        except (ConnectionFailedError, SettingsError) as error:
            self._say(f"no connection: {error}")
            self._has_lost = True
            was_refused = isinstance(error, ConnectionFailedError) and error.is_refusal
            if self._trial is not None and self._behaviour.reverts_after(was_refused=was_refused):
                self._reject(self._trial, str(error))
                return
            await self._wait(error)

    async def _wait(self, error: Exception) -> None:
        refused = isinstance(error, ConnectionFailedError) and error.is_refusal
        asked = error.retry_after if isinstance(error, ConnectionFailedError) else None
        if asked is not None and (not refused or self._behaviour.obeys_retry_after):
            seconds = asked
        else:
            self._attempt = max(self._attempt, 1) if refused else self._attempt
            seconds = self._behaviour.wait_before_retry(self._attempt)
        self._attempt += 1
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    def _route(self) -> Route:
        given = self.core.state.settings
        if self._has_lost:
            given = self._behaviour.settings_after_loss(given)
        if self._trial is not None:
            given = self._merged(given, self._trial.opamp)
        return route_of(self._settings, given, self._behaviour)

    async def _open(self, route: Route) -> Connection:
        if route.is_websocket:
            from opamp_mock_agent.transports.websocket import WebSocketConnection  # noqa: PLC0415 - loaded if needed

            return await WebSocketConnection.open(route, self._behaviour)
        from opamp_mock_agent.transports.plain_http import HttpConnection  # noqa: PLC0415 - it takes long to load

        return HttpConnection(route, self._behaviour)

    # ---- a conversation

    async def _talk(self, connection: Connection, route: Route) -> None:
        """Exchange messages until the agent leaves; raises ConnectionFailedError at another end."""
        if self._is_fresh or route.is_websocket:
            self.core.begin_connection(has_new_settings=self._trial is not None)
        self._is_fresh = False
        await self._report(connection)
        receiving = asyncio.create_task(connection.receive())
        try:
            while True:
                has_timed_out = not await self._next_event(receiving, route)
                if receiving.done():
                    message = receiving.result()
                    receiving = asyncio.create_task(connection.receive())
                    if await self._take(message, connection, route):
                        return
                elif has_timed_out and self._trial is not None:
                    raise ConnectionFailedError("the server does not answer over the offered settings")
                if self._stopping.is_set() or self._restarting:
                    await self._leave(connection, route)
                    return
                if self.core.has_news or self._is_heartbeat_due(route):
                    await self._report(connection)
        finally:
            receiving.cancel()

    async def _next_event(self, receiving: "asyncio.Task[pb.ServerToAgent]", route: Route) -> bool:
        """Wait for a message, for news, or for the next heartbeat; return whether one of the first two came."""
        self._wake.clear()
        if self._stopping.is_set() or self._restarting or self.core.has_news:
            return True
        waking = asyncio.create_task(self._wake.wait())
        interval = self._interval(route)
        left = max(0.0, self._last_sent + interval - time.monotonic()) if interval else None
        if self._trial is not None:
            left = min(_TRIAL_SECONDS, _TRIAL_SECONDS if left is None else left)
        done, _ = await asyncio.wait({receiving, waking}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        return bool(done)

    def _interval(self, route: Route) -> float:
        """Return the seconds between heartbeats, 0 without heartbeats. An agent over HTTP always polls."""
        return self.core.heartbeat_seconds or (0.0 if route.is_websocket else self._settings.poll_seconds)

    def _is_heartbeat_due(self, route: Route) -> bool:
        interval = self._interval(route)
        is_wanted = self._behaviour.sends_heartbeats
        is_wanted = is_wanted and (self._behaviour.sends_heartbeats_after_loss or not self._has_lost)
        return is_wanted and interval > 0 and time.monotonic() >= self._last_sent + interval - 0.001

    async def _report(self, connection: Connection) -> None:
        if self._behaviour.counts_from_last_message or not self.core.has_news:
            self._last_sent = time.monotonic()
        message = self.core.message()
        try:
            await connection.send(message)
        except ConnectionFailedError as error:
            if not error.is_too_large or self._behaviour.repeats_too_large:
                self.core.not_delivered(message)
            raise

    async def _take(self, message: pb.ServerToAgent, connection: Connection, route: Route) -> bool:
        """Process a message; return whether the connection is to end."""
        if not message.HasField("error_response"):
            self._attempt = 0
            if self._trial is not None:
                self._accept(self._trial)
        reaction = self.core.handle(message)
        if reaction.downloads:
            self._begin(self._install(reaction.downloads))
        if reaction.wait is not None:
            await self._unavailable(reaction.wait, connection, route)
        self._restarting |= reaction.restart
        if reaction.offer is not None:
            await self._try(reaction, connection, route)
            return True
        return False

    async def _unavailable(self, seconds: float, connection: Connection, route: Route) -> None:
        """Disconnect, and wait (throttle.ws-disconnect-wait); raises ConnectionFailedError for that."""
        if route.is_websocket:
            await self._leave(connection, route)
        raise ConnectionFailedError("the server is unavailable", retry_after=seconds or None)

    async def _leave(self, connection: Connection, route: Route) -> None:
        """Say goodbye, and close the connection."""
        is_end = self._stopping.is_set()
        if self._behaviour.says_goodbye and (self._behaviour.says_goodbye_at_end or not is_end):
            await connection.send(self.core.goodbye())
        await connection.close(with_close_frame=self._behaviour.sends_close_frame)
        if self._restarting:
            self._restarting = False
            self._is_fresh = True
            self.core.restarted()
            self._attempt = 0

    # ---- what the server asks for

    async def _try(self, reaction: Reaction, connection: Connection, route: Route) -> None:
        """Begin to try offered settings: report that, leave, and connect with them."""
        offer = reaction.offer
        assert offer is not None
        if self._behaviour.reports_applying:
            self.core.settings_status(offer, pb.ConnectionSettingsStatuses_APPLYING)
            await self._report(connection)
        if self._behaviour.claims_applied:
            self.core.settings_status(offer, pb.ConnectionSettingsStatuses_APPLIED)
            await self._report(connection)
        self.core.state.candidate.CopyFrom(offer)
        self.core.save()
        self._trial = self.core.state.candidate
        if not self._behaviour.verifies_settings:
            self._accept(self._trial)
        if self._behaviour.closes_before_reconnect:
            await self._leave(connection, route)
        self._attempt, self._is_fresh = 0, True

    def _accept(self, offer: pb.ConnectionSettingsOffers) -> None:
        state = self.core.state
        state.settings.CopyFrom(self._merged(state.settings, offer.opamp))
        state.heartbeat = offer.opamp.heartbeat_interval_seconds
        self.core.settings_status(offer, pb.ConnectionSettingsStatuses_APPLIED)
        self._end_trial()

    def _merged(self, own: pb.OpAMPConnectionSettings, offer: pb.OpAMPConnectionSettings) -> pb.OpAMPConnectionSettings:
        return self._behaviour.merged_settings(own, offer, merged(own, offer))

    def _reject(self, offer: pb.ConnectionSettingsOffers, error: str) -> None:
        self.core.settings_status(offer, pb.ConnectionSettingsStatuses_FAILED, error)
        self._end_trial()
        self._is_fresh = True

    def _end_trial(self) -> None:
        self._trial = None
        self.core.state.candidate.Clear()
        self.core.save()

    async def _install(self, downloads: Sequence[Download]) -> None:
        """Download packages, one after the other."""
        from opamp_mock_agent.downloads import fetch  # noqa: PLC0415 - it takes long to load

        packages = self.core.packages
        for download in downloads:
            packages.downloading(download.name)
            try:
                if self._behaviour.downloads_packages:
                    await fetch(download, self._behaviour)
            except ConnectionFailedError as error:
                packages.failed(download.name, str(error))
                if not self._behaviour.goes_on_after_failure:
                    break
            else:
                if self._behaviour.installs_packages:
                    packages.installed(download.name)
            self.core.packages_changed()
            self._wake.set()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
