"""The options of a load test: the same for ``opamp-conformance load`` and for ``locust``."""

import ipaddress
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from opamp_conformance.errors import CannotTell
from opamp_conformance.ledger import Contract
from opamp_conformance.load import conditions
from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.conditions import Condition, seconds
from opamp_conformance.options import headers_from_environment, merged, parse_headers
from opamp_conformance.targets import Tls
from opamp_conformance.targets.url import UrlTarget
from opamp_conformance.transports import Transport

PERMISSION: Final = "OPAMP_I_MAY_LOAD_THIS_HOST"
"""The environment variable that stands for ``--i-may-load-this-host``."""

MODEST_RATE: Final = 20.0
"""Messages per second that nobody needs leave for."""


@dataclass(frozen=True)
class Option:
    """One option. ``default`` is as it would be written; None if it has none, False for a switch."""

    name: str
    help: str
    default: str | int | bool | None = None
    metavar: str | None = None
    choices: Sequence[str] = ()
    is_repeatable: bool = False
    is_for_people: bool = True
    """Whether Locust's page is to ask for it."""

    @property
    def dest(self) -> str:
        return self.name.removeprefix("--").replace("-", "_")


OPTIONS: Final = (
    Option("--agents", "How many agents the fleet has.", 1000),
    Option(
        "--ramp", "How long it takes until all have come; 0s: all at once.  [default: the scenario's]", None, "TIME"
    ),
    Option("--interval", "How long an agent waits between check-ins, give or take a tenth.", "30s", "TIME"),
    Option("--transport", "What they speak.", "http", choices=[transport.value for transport in Transport]),
    Option("--contract", "What answers are held to.", "fleet", choices=[contract.value for contract in Contract]),
    Option("--timeout", "The limit of one exchange.", "10s", "TIME"),
    Option("--mix", "Shares of what agents do, for the scenario mixed: a TOML file.", None, "FILE"),
    Option("--seed", "Have the same agents do the same again.", None, "TEXT"),
    Option("--header", "A header of each request; repeatable.", None, "'NAME: VALUE'", (), True, False),
    Option("--header-env", "A header whose value is in the environment.", None, "NAME=VARIABLE", (), True, False),
    Option("--ca", "PEM file of the authorities that vouch for the server.", None, "FILE", (), False, False),
    Option("--cert", "PEM file of a client certificate.", None, "FILE", (), False, False),
    Option("--key", "PEM file of its key, if --cert does not hold it.", None, "FILE", (), False, False),
    Option("--fail-if", "What fails the test, as 'p99>500ms'; repeatable.", None, "CONDITION", (), True, False),
    Option("--summary-json", "Write the results to this file.", None, "FILE", (), False, False),
    Option("--summary-html", "Write them as a page with charts.", None, "FILE", (), False, False),
    Option(
        "--i-may-load-this-host",
        f"Load a host that is not this machine; or set {PERMISSION}.",
        False,
        is_for_people=False,
    ),
)


@dataclass(frozen=True)
class LoadOptions:
    """What was asked for. Times are in seconds; header values are secrets."""

    agents: int
    ramp: float | None
    interval: float
    transport: Transport
    contract: Contract
    timeout: float
    mix: Path | None
    seed: str | None
    headers: Mapping[str, str]
    tls: Tls
    fail_if: Sequence[Condition]
    json: Path | None
    html: Path | None
    may_load: bool

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "LoadOptions":
        """Read the options by their names, with underscores; raises CannotTell."""
        interval, timeout = seconds(given["interval"]), seconds(given["timeout"])
        agents = int(given["agents"])
        if agents < 1 or interval <= 0 or timeout <= 0:
            raise CannotTell("--agents, --interval and --timeout are more than nothing")
        return cls(
            agents=agents,
            ramp=None if given["ramp"] in (None, "") else seconds(given["ramp"]),
            interval=interval,
            transport=Transport(given["transport"]),
            contract=Contract(given["contract"]),
            timeout=timeout,
            mix=_path(given["mix"]),
            seed=given["seed"] or None,
            headers=merged(parse_headers(given["header"] or ()), headers_from_environment(given["header_env"] or ())),
            tls=Tls(_path(given["ca"]), _path(given["cert"]), _path(given["key"])),
            fail_if=tuple(map(Condition.parse, given["fail_if"] or ())) or conditions.DEFAULT,
            json=_path(given["summary_json"]),
            html=_path(given["summary_html"]),
            may_load=bool(given["i_may_load_this_host"] or os.environ.get(PERMISSION)),
        )

    def require_writable(self) -> None:
        """Find out before anything is sent, so that no result is lost to a path; raises CannotTell."""
        for path in (self.json, self.html):
            try:
                if path is not None:
                    path.open("a").close()
            except OSError as error:
                raise CannotTell(f"cannot write {path}: {error.strerror}") from error

    def behaviour(self, scenario: Behaviour, name: str) -> Behaviour:
        """Return what agents do: as the scenario has it, unless it is the mixed one; raises CannotTell."""
        if self.mix is None:
            return scenario
        if name != "mixed":
            raise CannotTell(f"--mix is for the scenario mixed; {name} has its own shares")
        return Behaviour.read(self.mix)

    def ramp_of(self, behaviour: Behaviour) -> float:
        """Return how long the fleet takes to come: who polls is spread over an interval, unless told otherwise."""
        if self.ramp is not None:
            return self.ramp
        return self.interval if behaviour.polls else 0.0

    def require_permission(self, url: str, behaviour: Behaviour) -> str:
        """Return the URL of the endpoint; raises CannotTell for a host that may not be loaded like that."""
        endpoint = UrlTarget(url).name
        rate = self.agents / max(1.0, self.ramp_of(behaviour))
        if behaviour.polls:
            rate = max(rate, self.agents / (self.interval if not behaviour.outage_every else 1.0))
        host = urlsplit(endpoint).hostname or ""
        if rate > MODEST_RATE and not self.may_load and not is_loopback(host):
            raise CannotTell(
                f"{self.agents:,} agents would send up to {rate:,.0f} messages per second to {host}, which is not this "
                f"machine: if you may do that, add --i-may-load-this-host (or set {PERMISSION}=1)"
            )
        return endpoint


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address is this machine; one that cannot be found out is not."""
    try:
        addresses = {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return bool(addresses) and all(ipaddress.ip_address(address).is_loopback for address in addresses)


def _path(given: str | None) -> Path | None:
    return Path(given) if given else None
