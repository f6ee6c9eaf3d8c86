"""The options of ``run`` that say what it grades: a server, or an agent."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from opamp_conformance.cli.fleet_server import FleetServerOptions, fleet_server_options, fleet_server_target
from opamp_conformance.cli.help import click_option, combine_options
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.targets import Endpoint, OtherKeys, Target, Tls
from opamp_conformance.targets.agent import AgentCommand, AgentTarget
from opamp_conformance.targets.options import ACCESS_OPTIONS, Access
from opamp_conformance.targets.url import UrlTarget
from opamp_conformance.text import did_you_mean

_TARGETS: Final = ("mock", "fleet-server")
_MOST_INSTANCES: Final = 2
"""The scenarios about instances use two."""
_KEY_OPTIONS: Final = ("ordinary_key_env", "retired_key_env")
_ABOUT_SERVERS: Final = (
    *_KEY_OPTIONS,
    *("target", "url", "control", "agent_attribute", "message_limit", "assume", "contract"),
    *("explore", "seed", "replay", "rate", "wait", "disruptive"),
    *(option.dest for option in ACCESS_OPTIONS),
)

SECTIONS: Final = {
    "An agent to grade": ("--agent", "--driver", "--listen"),
    "A server to grade": (
        *("--target", "--url", "--control", "--agent-attribute", "--message-limit", "--profile", "--server-version"),
    ),
    "Access to the server": (
        *(option.name for option in ACCESS_OPTIONS),
        "--ordinary-key-env",
        "--retired-key-env",
    ),
}
FLEET_SERVER_SECTION: Final = {
    "With --target fleet-server": (
        *("--stack-version", "--elasticsearch-image", "--elastic-agent-image", "--reaper-image", "--keep"),
        *("--fleet-server-url", "--elasticsearch-url", "--elasticsearch-ca"),
    ),
}

graded_options = combine_options(
    click.option(
        "--target",
        metavar="mock|fleet-server|URL",
        help="The bundled mock server (the default), Fleet Server with Elasticsearch, or a URL.",
    ),
    click.option(
        "--url",
        metavar="URL",
        multiple=True,
        help="Same as --target URL; a second URL is another instance of the server.",
    ),
    click.option(
        "--agent",
        metavar="COMMAND",
        help="Grade an agent: the command that starts it, with {url} for the server and {state} for a folder of its "
        "own.",
    ),
    click.option("--driver", metavar="COMMAND", help="Grade an agent that a driver runs: see docs/agent-driver.md."),
    click.option(
        "--listen", metavar="HOST:PORT", help="Grade an agent that you start yourself, and that connects here."
    ),
    click.option("--control", metavar="URL", help="The server's control plane: see docs/control-plane.md."),
    *map(click_option, ACCESS_OPTIONS),
    click.option(
        "--agent-attribute",
        metavar="KEY=VALUE",
        multiple=True,
        help="An attribute that the suite's agents describe themselves with; needs --url.",
    ),
    click.option(
        "--message-limit",
        metavar="BYTES",
        type=click.IntRange(1024, 2**30),
        help="The largest message that the server reads; needs --url. Default: 64 MiB for a server on this machine, "
        "with --spec-version 0.19 or newer; other servers get no large messages.",
    ),
    click.option(
        "--ordinary-key-env",
        metavar="VARIABLE",
        help="In the environment: an Authorization header with a valid API key that is no enrollment key.",
    ),
    click.option(
        "--retired-key-env",
        metavar="VARIABLE",
        help="In the environment: an Authorization header with an enrollment key that was retired.",
    ),
    fleet_server_options,
)


@dataclass(frozen=True)
class GradedOptions:
    """The values of these options."""

    target: str | None
    urls: tuple[str, ...]
    agent: str | None
    driver: str | None
    listen: str | None
    control: str | None
    access: Access
    access_again: Sequence[str]
    agent_attributes: Mapping[str, str]
    message_limit: int | None
    other_keys: OtherKeys
    fleet_server: FleetServerOptions

    @classmethod
    def of(cls, given: dict[str, Any]) -> "GradedOptions":
        """Read the values by their parameters; raises InconclusiveError."""
        access = {option.dest: given.pop(option.dest) for option in ACCESS_OPTIONS}
        keys = {option: given.pop(option) for option in _KEY_OPTIONS}
        return cls(
            given.pop("target"),
            given.pop("url"),
            given.pop("agent"),
            given.pop("driver"),
            given.pop("listen"),
            given.pop("control"),
            Access.of(access),
            [*_access_again(access), *_keys_again(keys)],
            _attributes(given.pop("agent_attribute")),
            given.pop("message_limit"),
            OtherKeys(*(_from_environment(option, variable) for option, variable in keys.items())),
            FleetServerOptions(**given),
        )

    def chosen(self, context: click.Context) -> Target | AgentTarget:
        """Return what is graded; raises InconclusiveError."""
        agent = self._agent()
        if agent is None:
            return self._server()
        _require_no_server(context)
        return agent

    def _agent(self) -> AgentTarget | None:
        """Return the agent that the options name, None without one; raises InconclusiveError."""
        if sum(option is not None for option in (self.agent, self.driver, self.listen)) > 1:
            raise InconclusiveError("--agent, --driver and --listen name an agent each: give one of them")
        if self.agent is not None or self.driver is not None:
            try:
                words = shlex.split(self.agent or self.driver or "")
            except ValueError as error:
                raise InconclusiveError(f"the command of the agent cannot be read: {error}") from error
            if not words:
                raise InconclusiveError("the command of the agent is empty")
            return AgentTarget(AgentCommand(self.agent, self.driver))
        if self.listen is None:
            return None
        host, colon, port = self.listen.rpartition(":")
        if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise InconclusiveError("--listen is written HOST:PORT, such as 127.0.0.1:4320")
        return AgentTarget(AgentCommand(host=host, port=int(port)))

    def _server(self) -> Target:
        target, urls = self.target, self.urls
        if target is not None and urls:
            raise InconclusiveError("--target and --url name two targets: give one of them")
        if len(urls) > _MOST_INSTANCES:
            raise InconclusiveError("two instances of a server are enough: give --url at most twice")
        if target not in (None, *_TARGETS):
            if "/" not in target and "." not in target:
                raise InconclusiveError(f"there is no target {target!r}{did_you_mean(target, _TARGETS)}")
            urls = (target,)
        if self.fleet_server.are_meant and target != "fleet-server":
            raise InconclusiveError("Elasticsearch and containers are for --target fleet-server: add it")
        if urls:
            return UrlTarget(self._endpoint(urls), self.access_again)
        if self._needs_url(target):
            raise InconclusiveError(
                "headers, certificates, attributes, a message limit and a control plane need a server at a URL: "
                "add --url"
            )
        if target == "fleet-server":
            return fleet_server_target(self.fleet_server, self.access.tls)
        from opamp_conformance.targets.mock import MockTarget  # noqa: PLC0415 - it loads the mock server

        return MockTarget()

    def _needs_url(self, target: str | None) -> bool:
        has_certificates = self.access.tls != Tls() and target != "fleet-server"
        others = self.agent_attributes or self.control or self.message_limit is not None or self.other_keys.secrets
        return bool(self.access.headers or has_certificates or others)

    def _endpoint(self, urls: Sequence[str]) -> Endpoint:
        return Endpoint(
            urls[0],
            self.access.headers,
            self.access.tls,
            self.control,
            tuple(urls[1:]),
            agent_attributes=self.agent_attributes,
            message_limit=self.message_limit,
            other_keys=self.other_keys,
        )


def _access_again(given: dict[str, Any]) -> list[str]:
    """Return the access options that choose the same again, without secrets."""
    names = [option.partition(":")[0].strip() for option in given["header"]]
    again = [f"--header-env {shlex.quote(f'{name}={_variable(name)}')}" for name in names]
    again += [f"--header-env {shlex.quote(option)}" for option in given["header_env"]]
    return again + [f"--{name} {shlex.quote(str(given[name]))}" for name in ("ca", "cert", "key") if given[name]]


def _variable(header: str) -> str:
    """Return the name of a variable for the value of a header, which is a secret."""
    return re.sub("[^A-Z0-9]", "_", header.upper())


def _keys_again(given: Mapping[str, str | None]) -> list[str]:
    return [f"--{name.replace('_', '-')} {shlex.quote(variable)}" for name, variable in given.items() if variable]


def _from_environment(parameter: str, variable: str | None) -> str | None:
    """Return the value of a variable that an option names; raises InconclusiveError if it is not set."""
    if variable is None:
        return None
    if variable not in os.environ:
        option = f"--{parameter.replace('_', '-')}"
        raise InconclusiveError(f"{option}: the environment variable {variable} is not set")
    return os.environ[variable]


def _attributes(options: Sequence[str]) -> dict[str, str]:
    """Read KEY=VALUE options; raises InconclusiveError."""
    for option in options:
        if not option.partition("=")[0] or "=" not in option:
            raise InconclusiveError(f"--agent-attribute {option!r}: give it as KEY=VALUE")
    return dict(option.split("=", 1) for option in options)


def _require_no_server(context: click.Context) -> None:
    """Raise InconclusiveError if an option is about a server, though an agent is graded."""
    for name in _ABOUT_SERVERS:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = f"--{name.replace('_', '-')}"
            raise InconclusiveError(f"{option} is about a server: leave it out to grade an agent")
