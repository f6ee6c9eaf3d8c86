"""The options of a load test: the same for ``opamp-conformance load`` and for ``locust``."""

import ipaddress
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.load import conditions
from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.conditions import Condition, seconds
from opamp_conformance.load.pace import Pace
from opamp_conformance.load.starts import Starts, along_ramp, by_rate, in_stages
from opamp_conformance.profiles.loading import load_profile
from opamp_conformance.profiles.profile import NO_PROFILE, Excuse, Kind
from opamp_conformance.targets import Endpoint
from opamp_conformance.targets.options import ACCESS_OPTIONS, Access, Option
from opamp_conformance.targets.url import UrlTarget
from opamp_conformance.wire.transport import Transport

PERMISSION: Final = "OPAMP_I_MAY_LOAD_THIS_HOST"
"""The environment variable that stands for ``--i-may-load-this-host``."""

MOST_AGENTS: Final = 20_000_000
"""The largest fleet; its agents need about 10 GB."""

MODEST_RATE: Final = 20.0
"""Messages per second that need no permission, because they have hardly any effect on a server."""


OPTIONS: Final = (
    Option("--agents", "Number of agents in the fleet.", 1000),
    Option("--ramp", "Time until all agents have started; 0s: all at once.  [default: the scenario's]", None, "TIME"),
    Option("--arrivals", "Start the agents at this rate, such as 200/s, instead of a ramp.", None, "RATE"),
    Option(
        "--stages",
        "Let the fleet grow to each size within a time: 1000@60s,1000@5m,10000@5m; instead of --agents.",
        None,
        "STAGES",
    ),
    Option(
        "--duration",
        "Time of the test after the whole fleet has enrolled.  [default: 60s; enrollment ends with the last agent]",
        None,
        "TIME",
    ),
    Option("--interval", "Time between two check-ins of an agent, plus or minus a tenth.", "30s", "TIME"),
    Option(
        "--shortest-interval",
        "The shortest heartbeat interval that a server can set.  [default: that of --interval]",
        None,
        "TIME",
    ),
    Option("--longest-wait", "The longest wait before a retry that a server can ask for.", "10m", "TIME"),
    Option("--transport", "The transport of the agents.", "http", choices=[transport.value for transport in Transport]),
    Option(
        "--contract",
        "The contract that answers are checked for.",
        "fleet",
        choices=[contract.value for contract in Contract],
    ),
    Option("--server-profile", "Known properties of the server: built in, or a file; NAME@VERSION.", None, "NAME|FILE"),
    Option("--timeout", "Limit of one exchange.", "10s", "TIME"),
    Option("--mix", "TOML file with the shares of actions, for the scenario mixed.", None, "FILE"),
    Option("--seed", "Repeat the same actions of the same agents.", None, "TEXT"),
    *ACCESS_OPTIONS,
    Option(
        "--fail-if",
        "A condition that fails the test, such as 'p99>500ms'; repeatable.",
        None,
        "CONDITION",
        (),
        True,
        False,
    ),
    Option("--summary-json", "Write the results to this file.", None, "FILE", (), False, False),
    Option("--summary-html", "Write the results as a page with charts.", None, "FILE", (), False, False),
    Option(
        "--i-may-load-this-host",
        f"Allow load on another host than this machine; or set {PERMISSION}.",
        False,
        is_on_web_page=False,
    ),
)


@dataclass(frozen=True)
class LoadOptions:
    """The values of the options. Times are in seconds."""

    agents: int
    ramp: float | None
    arrivals: str | None
    stages: Starts | None
    duration: float | None
    interval: float
    pace: Pace
    transport: Transport
    contract: Contract
    timeout: float
    known: Mapping[str, Excuse]
    """Why requirements are known to be broken, according to the profile."""
    mix: Path | None
    seed: str | None
    access: Access
    fail_if: Sequence[Condition]
    json: Path | None
    html: Path | None
    may_load: bool

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "LoadOptions":
        """Read the options by their parameters; raises InconclusiveError."""
        interval, timeout = seconds(given["interval"]), seconds(given["timeout"])
        shortest = seconds(given["shortest_interval"]) if given["shortest_interval"] else interval
        pace = Pace(shortest, seconds(given["longest_wait"]))
        stages = in_stages(given["stages"]) if given["stages"] else None
        agents = int(given["agents"]) if stages is None else stages.agents
        if sum(bool(given[name]) for name in ("ramp", "arrivals", "stages")) > 1:
            raise InconclusiveError("--ramp, --arrivals and --stages exclude each other")
        if agents < 1 or min(interval, timeout, pace.shortest_interval, pace.longest_wait) <= 0:
            raise InconclusiveError(
                "--agents, --interval, --shortest-interval, --longest-wait and --timeout must be greater than 0"
            )
        if agents > MOST_AGENTS:
            raise InconclusiveError(f"--agents is at most {MOST_AGENTS:,}: each agent needs some memory")
        return cls(
            agents=agents,
            ramp=None if given["ramp"] in (None, "") else seconds(given["ramp"]),
            arrivals=given["arrivals"] or None,
            stages=stages,
            duration=seconds(given["duration"]) if given["duration"] else None,
            interval=interval,
            pace=pace,
            transport=Transport(given["transport"]),
            contract=Contract(given["contract"]),
            timeout=timeout,
            known=_known(given["server_profile"]),
            mix=_path(given["mix"]),
            seed=given["seed"] or None,
            access=Access.of(given),
            fail_if=tuple(map(Condition.parse, given["fail_if"] or ())) or conditions.DEFAULT,
            json=_path(given["summary_json"]),
            html=_path(given["summary_html"]),
            may_load=bool(given["i_may_load_this_host"] or os.environ.get(PERMISSION)),
        )

    def require_writable(self) -> None:
        """Check the paths before anything is sent, so that no result is lost; raises InconclusiveError."""
        for path in (self.json, self.html):
            try:
                if path is not None:
                    path.open("a").close()
            except OSError as error:
                raise InconclusiveError(f"cannot write {path}: {error.strerror}") from error

    def behaviour(self, scenario: Behaviour, name: str) -> Behaviour:
        """Return the behaviour of the agents: the scenario's, or that of --mix; raises InconclusiveError."""
        if self.mix is None:
            return scenario
        if name != "mixed":
            raise InconclusiveError(f"--mix is for the scenario mixed; {name} has its own shares")
        return Behaviour.read(self.mix)

    def starts(self, behaviour: Behaviour) -> Starts:
        """Return when agents start; by default, agents that poll start within one interval.

        Raises InconclusiveError for a rate of arrivals that is none.
        """
        if self.stages is not None:
            return self.stages
        if self.arrivals is not None:
            return by_rate(self.agents, self.arrivals)
        if self.ramp is not None:
            return along_ramp(self.agents, self.ramp)
        return along_ramp(self.agents, self.interval if behaviour.polls else 0.0)

    def require_permission(self, url: str, behaviour: Behaviour) -> str:
        """Return the URL of the endpoint; raises InconclusiveError for a host that may not be loaded."""
        endpoint = UrlTarget(Endpoint(url)).name
        rate = self.starts(behaviour).most_per_second
        if behaviour.polls:
            rate = max(
                rate, self.agents / (1.0 if behaviour.outage_every else min(self.interval, self.pace.shortest_interval))
            )
        host = urlsplit(endpoint).hostname or ""
        if rate > MODEST_RATE and not self.may_load and not is_loopback(host):
            raise InconclusiveError(
                f"{self.agents:,} agents would send up to {rate:,.0f} messages per second to {host}, which is not this "
                f"machine: if you have permission, add --i-may-load-this-host (or set {PERMISSION}=1)"
            )
        return endpoint


def is_loopback(host: str) -> bool:
    """Return whether a name or an address is this machine; an unknown name is not."""
    try:
        addresses = {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return bool(addresses) and all(ipaddress.ip_address(address).is_loopback for address in addresses)


def _known(profile: str | None) -> Mapping[str, Excuse]:
    """Return the requirements that any reply may break according to a profile; raises InconclusiveError."""
    known = load_profile(profile).at(None) if profile else NO_PROFILE
    return known.findings(Kind.FLAKY) | known.findings(Kind.KNOWN)


def _path(given: str | None) -> Path | None:
    return Path(given) if given else None
