"""A load test from its options to its verdict, among Locust's events: alone, as master, or as worker."""

import gc
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import gevent
from locust import events
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import STATE_MISSING, STATE_RUNNING, STATE_SPAWNING, MasterRunner, Runner, WorkerRunner
from locust.stats import CSV_STATS_INTERVAL_SEC

from opamp_conformance.client import tls_context
from opamp_conformance.errors import CannotTell
from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.counts import Counts, uids_in
from opamp_conformance.load.fleet import Fleet, Messages
from opamp_conformance.load.hearing import UNIQUE, Hearing
from opamp_conformance.load.lines import Destination
from opamp_conformance.load.options import OPTIONS, LoadOptions
from opamp_conformance.load.page import page
from opamp_conformance.load.player import Player, Stage
from opamp_conformance.load.result import Result, result_of
from opamp_conformance.verdicts import ExitCode

USERS: Final = 32
"""How many connections play the fleet, where nobody says otherwise."""
_SHARE: Final = "opamp_share"
_READY: Final = "opamp_ready"
_LOOK_SECONDS: Final = 0.2
_SECONDS_IN_VAIN: Final = 3.0
_MOST_SECONDS_TO_ENROLL: Final = 600.0
_LAST_WORDS_SECONDS: Final = 3.0
_READY_SECONDS: Final = 20.0


class Session:
    """What one process takes part in. There is one fleet a test, and one session."""

    def __init__(self, scenario: Behaviour, name: str) -> None:
        self._scenario = scenario
        self._name = name
        self._counts = Counts()
        self._handed_out: set[bytes] = set()
        self._stage: Stage | None = None
        self._share: tuple[int, int] | None = (0, 1)
        self._dealt: list[str] = []
        self._ready: set[str] = set()
        self._lost: dict[str, str] = {}
        self._watch: gevent.Greenlet[..., None] | None = None
        self._result: Result | None = None
        events.init_command_line_parser.add_listener(_add_options)
        events.init.add_listener(self._init)
        events.test_start.add_listener(self._start)
        events.report_to_master.add_listener(self._report)
        events.worker_report.add_listener(self._merge)
        events.quitting.add_listener(self._judge)
        events.quit.add_listener(self._tell)

    def player(self) -> Player | None:
        """Make a player of the fleet that the test has begun with, None if it could not begin."""
        return None if self._stage is None else Player(self._stage)

    # ---- the beginning

    def _init(self, environment: Environment, runner: Runner, **_: Any) -> None:
        self._environment, self._runner = environment, runner
        given: Any = environment.parsed_options
        if given.headless or isinstance(runner, WorkerRunner):
            gevent.signal_handler(signal.SIGINT, runner.quit)
        if isinstance(runner, WorkerRunner):
            self._share = None
            runner.register_message(_SHARE, self._take_share)
            runner.send_message(_READY)
            # Listeners of the end are called last first: this one before the worker says goodbye.
            events.quitting.add_listener(lambda **_: self._report_once_more(runner))
            return
        if isinstance(runner, MasterRunner):
            runner.register_message(_READY, self._note_ready)
        if given.headless and isinstance(runner, MasterRunner):
            events.test_stop.add_listener(lambda **_: self._hear_workers_out(runner))
        given.num_users = given.num_users or USERS
        given.spawn_rate = given.spawn_rate or given.num_users
        try:
            options = LoadOptions.of(vars(given))
            options.require_writable()
            if environment.host:
                self._endpoint(options, environment.host)
            elif given.headless:
                raise CannotTell("--host says which server is to be loaded: http://HOST:PORT/v1/opamp")
        except CannotTell as error:
            sys.stderr.write(f"opamp-conformance: {error}\n")
            sys.exit(ExitCode.COULD_NOT_TELL)

    def _start(self, environment: Environment, **_: Any) -> None:
        """Begin a test; what was asked for on Locust's page is looked at only now."""
        self._counts, self._handed_out, self._lost, self._stage = Counts(), set(), {}, None
        self._counts.started_at = time.time()
        try:
            self._options = LoadOptions.of(vars(environment.parsed_options))
            self._behaviour = self._options.behaviour(self._scenario, self._name)
            self._url = self._endpoint(self._options, environment.host or "")
            if isinstance(self._runner, MasterRunner):
                self._deal(self._runner)
            else:
                self._stage = self._set()
        except CannotTell as error:
            sys.stderr.write(f"opamp-conformance: {error}\n")
            environment.process_exit_code = int(ExitCode.COULD_NOT_TELL)
            gevent.spawn(self._end)
            return
        if self._watch is not None:
            self._watch.kill(block=False)
        self._watch = gevent.spawn(self._look_after)

    def _endpoint(self, options: LoadOptions, host: str) -> str:
        return options.require_permission(host, options.behaviour(self._scenario, self._name))

    def _set(self) -> Stage:
        options = self._options
        # A worker that comes when all agents have been dealt has none.
        agents, (index, of) = (0, (0, 1)) if self._share is None else (options.agents, self._share)
        ramp = options.ramp_of(self._behaviour)
        tls = tls_context(options.tls) if self._url.startswith("https:") else None
        fleet = Fleet(
            agents,
            self._behaviour,
            ramp=ramp,
            interval=options.interval,
            seed=options.seed,
            index=index,
            of=of,
        )
        # Agents live as long as the test, and have no cycles: looking through all of them again and again costs pauses.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        fleet.start()
        return Stage(
            fleet,
            Messages(f"load-{self._name}"),
            Destination(self._url, options.headers, tls, options.timeout, options.transport),
            Hearing(options.contract, options.headers),
            self._counts,
            self._environment.events.request.fire,
        )

    # ---- several processes

    def _deal(self, master: MasterRunner) -> None:
        """Tell each worker which agents are its own."""
        workers = [node for node in master.clients.all if node.state != STATE_MISSING]
        if len(workers) > master.target_user_count:
            raise CannotTell(f"{master.target_user_count} users cannot play on {len(workers)} workers: add --users")
        # Locust takes a worker for ready before it listens to our messages, and drops what it is told until then.
        until = time.monotonic() + _READY_SECONDS
        while any(node.id not in self._ready for node in workers):
            if time.monotonic() > until:
                raise CannotTell(f"not all of {len(workers)} workers are ready after {_READY_SECONDS:.0f} s")
            gevent.sleep(_LOOK_SECONDS / 4)
        self._dealt = [node.id for node in workers]
        for index, node in enumerate(workers):
            master.send_message(_SHARE, {"index": index, "of": len(workers)}, client_id=node.id)

    def _note_ready(self, environment: Environment, msg: Any, **_: Any) -> None:
        self._ready.add(msg.node_id)

    def _take_share(self, environment: Environment, msg: Any, **_: Any) -> None:
        self._share = (msg.data["index"], msg.data["of"])

    def _report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """Hand what was counted since the last time over to the master."""
        if self._stage is not None:
            data["opamp"], self._counts = self._counts.wire(), Counts()
            self._stage.counts = self._counts

    def _report_once_more(self, worker: WorkerRunner) -> None:
        """Hand over what was counted since the last report, however this process ends."""
        worker.stop()  # What is played after it would not be told.
        data: dict[str, Any] = {}
        events.report_to_master.fire(client_id=worker.client_id, data=data)
        with suppress(RPCError):
            worker.send_message("stats", data)

    def _hear_workers_out(self, master: MasterRunner) -> None:
        """Wait until the workers have said goodbye, which each does after its last report.

        Locust waits half a second; where a worker was terminated before the master, it does not listen for longer.
        """
        master.send_message("quit")
        until = time.monotonic() + _LAST_WORDS_SECONDS
        while time.monotonic() < until and any(node.state != STATE_MISSING for node in master.clients.all):
            gevent.sleep(_LOOK_SECONDS / 4)

    def _merge(self, client_id: str, data: Mapping[str, Any], **_: Any) -> None:
        if "opamp" not in data:
            return
        counts = Counts.unwire(data["opamp"])
        for uid in uids_in(counts.handed_out):
            if uid in self._handed_out:
                self._counts.violate(UNIQUE, f"{uid.hex()} was handed out to agents of two workers")
            self._handed_out.add(uid)
        counts.handed_out.clear()
        self._counts.merge(counts)

    def _note_lost_workers(self, master: MasterRunner) -> None:
        if master.state not in (STATE_SPAWNING, STATE_RUNNING):
            return
        there = {node.id for node in master.clients.all if node.state != STATE_MISSING}
        for worker in self._dealt:
            if worker not in there and worker not in self._lost:
                after = time.time() - (self._counts.started_at or time.time())
                self._lost[worker] = f"worker {worker}, and its agents, after {after:.0f} s"

    # ---- while it runs

    def _look_after(self) -> None:
        """Have outages happen, and end what has come to its end."""
        began = outage = time.monotonic()
        while True:
            gevent.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            if isinstance(self._runner, MasterRunner):
                self._note_lost_workers(self._runner)
            every = self._behaviour.outage_every * self._options.interval
            if self._stage is not None and every and now - outage >= every:
                outage = now
                self._stage.lose_connections()
            if self._is_in_vain(now - began) and not isinstance(self._runner, WorkerRunner):
                gevent.spawn(self._end)
                return
            is_whole = self._counts.arrived >= self._options.agents
            is_over = is_whole or now - began > _MOST_SECONDS_TO_ENROLL
            if not self._behaviour.polls and is_over and not isinstance(self._runner, WorkerRunner):
                gevent.spawn(self._end)
                return

    def _is_in_vain(self, seconds: float) -> bool:
        """Tell whether there is no OpAMP server: messages have failed, and none was answered."""
        return seconds > _SECONDS_IN_VAIN and not self._counts.answered and bool(self._counts.failures)

    def _end(self) -> None:
        given: Any = self._environment.parsed_options
        if given.csv_prefix:
            gevent.sleep(CSV_STATS_INTERVAL_SEC + _LOOK_SECONDS)  # Locust writes its files only so often.
        if given.headless:
            self._runner.quit()
        else:
            self._runner.stop()

    # ---- the end

    def _judge(self, environment: Environment, **_: Any) -> None:
        if isinstance(self._runner, WorkerRunner) or not hasattr(self, "_url"):
            return
        self._result = result_of(
            self._name,
            self._url,
            agents=self._options.agents,
            ramp=self._options.ramp_of(self._behaviour),
            transport=self._options.transport.value,
            counts=self._counts,
            conditions=self._options.fail_if,
            lost_workers=tuple(self._lost.values()),
        )
        environment.process_exit_code = int(self._result.exit_code)

    def _tell(self, **_: Any) -> None:
        if self._result is None:
            return
        sys.stdout.write(f"\n{self._result.text()}\n")
        sys.stdout.flush()
        if self._options.json is not None:
            self._options.json.write_text(self._result.json(), encoding="utf-8")
        if self._options.html is not None:
            self._options.html.write_text(page(self._result), encoding="utf-8")


def _add_options(parser: Any, **_: Any) -> None:
    """Add our options to Locust's, and to its page."""
    for option in OPTIONS:
        kind: dict[str, Any] = {"default": option.default, "type": type(option.default or "")}
        if option.default is False:
            kind = {"action": "store_true", "default": False}
        elif option.is_repeatable:
            kind = {"action": "append", "default": []}
        if option.choices:
            kind["choices"] = option.choices
        if option.metavar:
            kind["metavar"] = option.metavar
        parser.add_argument(option.name, help=option.help, include_in_web_ui=option.is_for_people, **kind)
