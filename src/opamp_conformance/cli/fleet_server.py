"""The options of ``run`` for the fleet-server target."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from opamp_conformance.cli.files import FILE, secret
from opamp_conformance.cli.help import combine_options
from opamp_conformance.errors import InconclusiveError
from opamp_conformance.targets import Target, Tls
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess, require_extra
from opamp_conformance.targets.url import checked_url

STACK_VERSION: Final = "9.5.3"
_ELASTICSEARCH: Final = "docker.elastic.co/elasticsearch/elasticsearch"
_ELASTIC_AGENT: Final = "docker.elastic.co/elastic-agent/elastic-agent"

fleet_server_options = combine_options(
    click.option(
        "--stack-version",
        metavar="VERSION",
        envvar="OPAMP_STACK_VERSION",
        show_envvar=True,
        help=f"Version of both images.  [default: {STACK_VERSION}]",
    ),
    click.option(
        "--elasticsearch-image",
        metavar="IMAGE",
        envvar="OPAMP_ELASTICSEARCH_IMAGE",
        show_envvar=True,
        help=f"Image of Elasticsearch.  [default: {_ELASTICSEARCH}:VERSION]",
    ),
    click.option(
        "--elastic-agent-image",
        metavar="IMAGE",
        envvar="OPAMP_ELASTIC_AGENT_IMAGE",
        show_envvar=True,
        help=f"Image that contains Fleet Server.  [default: {_ELASTIC_AGENT}:VERSION]",
    ),
    click.option(
        "--reaper-image",
        metavar="IMAGE",
        envvar="OPAMP_REAPER_IMAGE",
        show_envvar=True,
        help="Image that cleans up after a killed run; none: the next run cleans up.",
    ),
    click.option("--keep", is_flag=True, help="Leave the containers running."),
    click.option(
        "--fleet-server-url", metavar="URL", help="A Fleet Server that is already running; needs --elasticsearch-url."
    ),
    click.option(
        "--elasticsearch-url",
        metavar="URL",
        help="Its Elasticsearch; credentials in the URL, or ELASTICSEARCH_API_KEY in the environment.",
    ),
    click.option("--elasticsearch-ca", type=FILE, help="PEM file of the authorities to trust for Elasticsearch."),
)


@dataclass(frozen=True)
class FleetServerOptions:
    """The values of these options."""

    stack_version: str | None
    elasticsearch_image: str | None
    elastic_agent_image: str | None
    reaper_image: str | None
    keep: bool
    fleet_server_url: str | None
    elasticsearch_url: str | None
    elasticsearch_ca: Path | None

    @property
    def are_meant(self) -> bool:
        """Whether the user gave any of them; those that may come from the environment do not count."""
        return self.keep or any((self.fleet_server_url, self.elasticsearch_url, self.elasticsearch_ca))

    def again(self) -> list[str]:
        """Return the options that choose the same containers again."""
        chosen = {
            "--stack-version": self.stack_version,
            "--elasticsearch-image": self.elasticsearch_image,
            "--elastic-agent-image": self.elastic_agent_image,
            "--reaper-image": self.reaper_image,
        }
        return [f"{option} {shlex.quote(value)}" for option, value in chosen.items() if value is not None]


def fleet_server_target(options: FleetServerOptions, tls: Tls) -> Target:
    """Make the target; raises InconclusiveError."""
    require_extra()
    from opamp_conformance.targets.fleet_server import FleetServerTarget, Services  # noqa: PLC0415 (an extra)
    from opamp_conformance.targets.fleet_server.containers import Images  # noqa: PLC0415

    def say(text: str) -> None:
        click.echo(text, err=True)

    if (options.fleet_server_url is None) != (options.elasticsearch_url is None):
        raise InconclusiveError("a running Fleet Server needs both --fleet-server-url and --elasticsearch-url")
    if options.fleet_server_url is None or options.elasticsearch_url is None:
        if tls != Tls():
            raise InconclusiveError("certificates are for a running Fleet Server: add --fleet-server-url")
        version = options.stack_version or STACK_VERSION
        images = Images(
            options.elasticsearch_image or f"{_ELASTICSEARCH}:{version}",
            options.elastic_agent_image or f"{_ELASTIC_AGENT}:{version}",
            options.reaper_image,
        )
        return FleetServerTarget(images, say, options.again(), keep=options.keep)
    if options.keep:
        raise InconclusiveError("--keep is for containers, and a running Fleet Server needs none")
    access = ElasticsearchAccess(
        checked_url(options.elasticsearch_url, "--elasticsearch-url"),
        api_key=secret("ELASTICSEARCH_API_KEY"),
        ca=options.elasticsearch_ca,
    )
    url = checked_url(options.fleet_server_url, "--fleet-server-url").rstrip("/")
    if "@" in urlsplit(url).netloc:
        raise InconclusiveError(
            "the URL of a Fleet Server must not have credentials: the suite creates an enrollment key"
        )
    files = {"--elasticsearch-ca": options.elasticsearch_ca, "--ca": tls.ca, "--cert": tls.cert, "--key": tls.key}
    given = {option: path for option, path in files.items() if path is not None}
    for option, path in given.items():
        if not path.is_file():
            raise InconclusiveError(f"{option}: cannot read {path}: there is no such file")
    again = [f"{option} {shlex.quote(str(path))}" for option, path in given.items()]
    arguments = (f"--fleet-server-url {shlex.quote(url)}", f"--elasticsearch-url {shlex.quote(access.address)}", *again)
    return FleetServerTarget(Services(access, url, tls), say, arguments)
