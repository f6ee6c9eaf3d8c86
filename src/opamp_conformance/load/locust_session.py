"""A load test from its options to its verdict, on the events of Locust: alone, as master, or as worker."""

import os
import platform
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import gevent
from locust import events
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import STATE_MISSING, STATE_RUNNING, STATE_SPAWNING, MasterRunner, Runner, WorkerRunner
from locust.stats import CSV_STATS_INTERVAL_SEC

from opamp_conformance import __version__
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.garbage_collection import tune_for_many_objects
from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.charts import page
from opamp_conformance.load.connections import Destination
from opamp_conformance.load.counts import Counts, uids_in
from opamp_conformance.load.driver import AgentDriver, LoadContext
from opamp_conformance.load.fleet import Fleet, Messages
from opamp_conformance.load.options import OPTIONS, LoadOptions
from opamp_conformance.load.progress import Progress
from opamp_conformance.load.replies import UNIQUE, ReplyInterpreter
from opamp_conformance.load.starts import along_ramp
from opamp_conformance.load.summary import Result, result_of
from opamp_conformance.load.web_page import LOOPBACK, protect, require_safe_master
from opamp_conformance.results.verdicts import ExitCode
from opamp_conformance.targets.tls import tls_context

USERS: Final = 32
"""How many connections the fleet shares by default."""
_SHARE: Final = "opamp_share"
_READY: Final = "opamp_ready"
_POLL_SECONDS: Final = 0.2
# After that time without any OpAMP reply, there is no server.
_SECONDS_WITHOUT_REPLY: Final = 3.0
_MAX_SECONDS_TO_ENROLL: Final = 600.0
_MAX_SECONDS_TO_COMPLETE: Final = 60.0
"""How long after the last start a test waits for agents that do not enroll, before its duration begins."""
_LAST_REPORT_SECONDS: Final = 3.0
_READY_SECONDS: Final = 20.0


class LoadSession:
    """The part of one process in a load test. A test has one fleet, and each process has one session."""

    has_verdict = False
    """Whether the exit code of this process is the verdict on a server."""

    def __init__(self, scenario: Behaviour, name: str) -> None:
        self._scenario = scenario
        self._name = name
        self._counts = Counts()
        self._handed_out: set[bytes] = set()
        self._context: LoadContext | None = None
        self._share: tuple[int, int] | None = (0, 1)
        self._distributed: list[str] = []
        self._ready: set[str] = set()
        self._lost: dict[str, str] = {}
        self._watch: gevent.Greenlet[..., None] | None = None
        self._progress: Progress | None = None
        self._result: Result | None = None
        events.init_command_line_parser.add_listener(_add_options)
        events.init.add_listener(self._init)
        events.test_start.add_listener(self._start)
        events.report_to_master.add_listener(self._report)
        events.worker_report.add_listener(self._merge)
        events.quitting.add_listener(self._judge)
        events.quit.add_listener(self._print)

    def driver(self) -> AgentDriver | None:
        """Make a driver for the fleet of the current test, None if the test could not begin."""
        return None if self._context is None else AgentDriver(self._context)

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
            # The listeners of the end are called in reverse order: this one before the worker ends.
            events.quitting.add_listener(lambda **_: self._send_last_report(runner))
            return
        if isinstance(runner, MasterRunner):
            runner.register_message(_READY, self._note_ready)
        if given.headless and isinstance(runner, MasterRunner):
            events.test_stop.add_listener(lambda **_: self._await_workers(runner))
        given.num_users = given.num_users or USERS
        given.spawn_rate = given.spawn_rate or given.num_users
        try:
            options = LoadOptions.of(vars(given))
            options.require_writable()
            if isinstance(runner, MasterRunner):
                require_safe_master(given)
            if environment.web_ui is not None and environment.web_ui.app is not None:
                has_secrets = bool(options.access.headers or options.access.tls.cert)
                protect(environment.web_ui.app, given, has_secrets=has_secrets)
            if environment.host:
                self._endpoint(options, environment.host)
            elif given.headless:
                raise InconclusiveError("--host is the server to load: http://HOST:PORT/v1/opamp")
        except InconclusiveError as error:
            sys.stderr.write(f"opamp-conformance: {error}\n")
            sys.exit(ExitCode.COULD_NOT_TELL)

    def _start(self, environment: Environment, **_: Any) -> None:
        """Begin a test; options from Locust's page are known only now."""
        self._counts, self._handed_out, self._lost, self._context = Counts(), set(), {}, None
        self._counts.started_at = time.time()
        try:
            self._options = LoadOptions.of(vars(environment.parsed_options))
            self._behaviour = self._options.behaviour(self._scenario, self._name)
            self._url = self._endpoint(self._options, environment.host or "")
            if isinstance(self._runner, MasterRunner):
                self._distribute(self._runner)
            else:
                self._context = self._make_context()
        except InconclusiveError as error:
            sys.stderr.write(f"opamp-conformance: {error}\n")
            environment.process_exit_code = int(ExitCode.COULD_NOT_TELL)
            gevent.spawn(self._end)
            return
        given: Any = environment.parsed_options
        self._progress = Progress(self._options.agents, sys.stdout) if given.headless else None
        if self._watch is not None:
            self._watch.kill(block=False)
        self._watch = gevent.spawn(self._supervise)

    def _endpoint(self, options: LoadOptions, host: str) -> str:
        return options.require_permission(host, options.behaviour(self._scenario, self._name))

    def _make_context(self) -> LoadContext:
        options = self._options
        # A worker that comes after all agents were distributed gets none.
        starts = along_ramp(0, 0.0) if self._share is None else options.starts(self._behaviour)
        index, of = self._share or (0, 1)
        tls = tls_context(options.access.tls) if self._url.startswith("https:") else None
        fleet = Fleet(
            starts,
            self._behaviour,
            interval=options.interval,
            seed=options.seed,
            index=index,
            of=of,
        )
        tune_for_many_objects()
        fleet.start()
        return LoadContext(
            fleet,
            Messages(f"load-{self._name}"),
            Destination(self._url, options.access.headers, tls, options.timeout, options.transport),
            ReplyInterpreter(options.contract, options.access.headers),
            self._counts,
            self._environment.events.request.fire,
            options.pace,
        )

    # ---- several processes

    def _distribute(self, master: MasterRunner) -> None:
        """Tell each worker which agents it drives."""
        workers = [node for node in master.clients.all if node.state != STATE_MISSING]
        if len(workers) > master.target_user_count:
            raise InconclusiveError(
                f"{master.target_user_count} users are too few for {len(workers)} workers: increase --users"
            )
        # Locust calls a worker ready before it listens to our messages, and drops messages until then.
        until = time.monotonic() + _READY_SECONDS
        while any(node.id not in self._ready for node in workers):
            if time.monotonic() > until:
                raise InconclusiveError(f"not all of {len(workers)} workers are ready after {_READY_SECONDS:.0f} s")
            gevent.sleep(_POLL_SECONDS / 4)
        self._distributed = [node.id for node in workers]
        for index, node in enumerate(workers):
            master.send_message(_SHARE, {"index": index, "of": len(workers)}, client_id=node.id)

    def _note_ready(self, environment: Environment, msg: Any, **_: Any) -> None:
        self._ready.add(msg.node_id)

    def _take_share(self, environment: Environment, msg: Any, **_: Any) -> None:
        self._share = (msg.data["index"], msg.data["of"])

    def _report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """Send the counts since the last report to the master."""
        if self._context is not None:
            data["opamp"], self._counts = self._counts.wire(), Counts()
            self._context.counts = self._counts

    def _send_last_report(self, worker: WorkerRunner) -> None:
        """Send the counts since the last report, however this process ends."""
        worker.stop()  # Messages after it would not be counted.
        data: dict[str, Any] = {}
        events.report_to_master.fire(client_id=worker.client_id, data=data)
        with suppress(RPCError):
            worker.send_message("stats", data)

    def _await_workers(self, master: MasterRunner) -> None:
        """Wait until the workers have ended; each worker ends after its last report.

        Locust waits for half a second only, and it stops listening if a worker was terminated before the master.
        """
        master.send_message("quit")
        until = time.monotonic() + _LAST_REPORT_SECONDS
        while time.monotonic() < until and any(node.state != STATE_MISSING for node in master.clients.all):
            gevent.sleep(_POLL_SECONDS / 4)

    def _merge(self, client_id: str, data: Mapping[str, Any], **_: Any) -> None:
        if "opamp" not in data:
            return
        counts = Counts.unwire(data["opamp"])
        for uid in uids_in(counts.handed_out):
            if uid in self._handed_out:
                self._counts.violate(UNIQUE, f"{uid.hex()} was announced to agents of two workers")
            self._handed_out.add(uid)
        counts.handed_out.clear()
        self._counts.merge(counts)

    def _note_lost_workers(self, master: MasterRunner) -> None:
        if master.state not in (STATE_SPAWNING, STATE_RUNNING):
            return
        there = {node.id for node in master.clients.all if node.state != STATE_MISSING}
        for worker in self._distributed:
            if worker not in there and worker not in self._lost:
                after = time.time() - (self._counts.started_at or time.time())
                self._lost[worker] = f"worker {worker}, and its agents, after {after:.0f} s"

    # ---- while it runs

    def _supervise(self) -> None:
        """Cause the outages, and end the test when it is complete."""
        began = outage = time.monotonic()
        whole_at: float | None = None
        while True:
            gevent.sleep(_POLL_SECONDS)
            now = time.monotonic()
            if isinstance(self._runner, MasterRunner):
                self._note_lost_workers(self._runner)
            every = self._behaviour.outage_every * self._options.interval
            if self._context is not None and every and now - outage >= every:
                outage = now
                self._context.lose_connections()
            if isinstance(self._runner, WorkerRunner):
                continue
            if whole_at is None and self._has_grown(now - began):
                whole_at = now
            share = self._share_over(now - began, None if whole_at is None else now - whole_at)
            if self._progress is not None:
                self._progress.show(self._counts, now - began, share)
            if share >= 1 or self._has_no_server(now - began):
                gevent.spawn(self._end)
                return

    def _has_grown(self, seconds: float) -> bool:
        """Return whether the fleet is complete, and every stage over; or whether it will never be complete."""
        growing = self._options.starts(self._behaviour).seconds
        is_whole = self._counts.arrived >= self._options.agents and (self._options.stages is None or seconds >= growing)
        return is_whole or seconds > growing + _MAX_SECONDS_TO_COMPLETE

    def _share_over(self, seconds: float, since_whole: float | None) -> float:
        """Return how much of the test is over, from 0 to 1; 0 as long as its end is not known."""
        duration = self._options.duration
        if not self._behaviour.polls:
            if self._counts.arrived >= self._options.agents:
                return 1.0
            return max(self._counts.arrived / self._options.agents, seconds / (duration or _MAX_SECONDS_TO_ENROLL))
        if duration is None or since_whole is None:
            return 0.0
        return since_whole / duration

    def _facts(self) -> Mapping[str, str]:
        """Return what somebody needs to repeat the test, without secrets."""
        options, given = self._options, vars(self._environment.parsed_options)
        began = datetime.fromtimestamp(self._counts.started_at or time.time(), UTC)
        processes = len(self._distributed) or 1
        words = [f"{processes} process{'es' * (processes > 1)}", f"{given['num_users']} users"]
        words += [f"seed {options.seed}"] if options.seed is not None else []
        return {
            "began": f"{began:%Y-%m-%d %H:%M:%S} UTC",
            "version": f"opamp-conformance {__version__}, Python {platform.python_version()}",
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
            "interval": f"{options.interval:g} s",
            "contract": options.contract.value,
            "options": ", ".join(words),
        }

    def _has_no_server(self, seconds: float) -> bool:
        """Return whether there is no OpAMP server: messages failed, and none was answered."""
        return seconds > _SECONDS_WITHOUT_REPLY and not self._counts.answered and bool(self._counts.failures)

    def _end(self) -> None:
        given: Any = self._environment.parsed_options
        if given.csv_prefix:
            gevent.sleep(CSV_STATS_INTERVAL_SEC + _POLL_SECONDS)  # Locust writes its files only at intervals.
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
            starts=self._options.starts(self._behaviour).text,
            transport=self._options.transport.value,
            facts=self._facts(),
            counts=self._counts,
            conditions=self._options.fail_if,
            lost_workers=tuple(self._lost.values()),
            known=self._options.known,
        )
        environment.process_exit_code = int(self._result.exit_code)
        LoadSession.has_verdict = True

    def _print(self, **_: Any) -> None:
        if self._result is None:
            return
        try:
            if self._progress is not None:
                self._progress.end()
            if self._options.json is not None:
                self._options.json.write_text(self._result.json(), encoding="utf-8")
            if self._options.html is not None:
                self._options.html.write_text(page(self._result), encoding="utf-8")
            sys.stdout.write(f"\n{self._result.text()}\n")
            sys.stdout.flush()
        except OSError as error:
            sys.stderr.write(f"opamp-conformance: cannot write the outcome: {error.strerror or error}\n")
            # Not sys.exit: Locust would write to the same output once more.
            os._exit(int(ExitCode.COULD_NOT_TELL))


def _add_options(parser: Any, **_: Any) -> None:
    """Add our options to Locust's command line and page, and let both listen to this machine only."""
    parser.set_defaults(web_host=LOOPBACK, master_bind_host=LOOPBACK)
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
        parser.add_argument(option.name, help=option.help, include_in_web_ui=option.is_on_web_page, **kind)
