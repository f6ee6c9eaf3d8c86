"""The options of ``run`` that are about the fleet-server target."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from opamp_conformance.cli.files import FILE
from opamp_conformance.cli.tasks import together
from opamp_conformance.errors import CannotTell
from opamp_conformance.targets import Target, Tls
from opamp_conformance.targets.elasticsearch import Access, require_extra

STACK_VERSION: Final = "9.5.3"
_ELASTICSEARCH: Final = "docker.elastic.co/elasticsearch/elasticsearch"
_ELASTIC_AGENT: Final = "docker.elastic.co/elastic-agent/elastic-agent"

fleet_server_options = together(
    click.option(
        "--stack-version",
        metavar="VERSION",
        envvar="OPAMP_STACK_VERSION",
        show_envvar=True,
        help=f"version of both images.  [default: {STACK_VERSION}]",
    ),
    click.option(
        "--elasticsearch-image",
        metavar="IMAGE",
        envvar="OPAMP_ELASTICSEARCH_IMAGE",
        show_envvar=True,
        help=f"image of Elasticsearch.  [default: {_ELASTICSEARCH}:VERSION]",
    ),
    click.option(
        "--elastic-agent-image",
        metavar="IMAGE",
        envvar="OPAMP_ELASTIC_AGENT_IMAGE",
        show_envvar=True,
        help=f"image with Fleet Server in it.  [default: {_ELASTIC_AGENT}:VERSION]",
    ),
    click.option(
        "--reaper-image",
        metavar="IMAGE",
        envvar="OPAMP_REAPER_IMAGE",
        show_envvar=True,
        help="Image that cleans up after a killed run; none: the next run does.",
    ),
    click.option("--keep", is_flag=True, help="Leave the containers running."),
    click.option("--fleet-server-url", metavar="URL", help="One that runs already; needs --elasticsearch-url."),
    click.option(
        "--elasticsearch-url",
        metavar="URL",
        help="Its Elasticsearch; credentials in the URL, or ELASTICSEARCH_API_KEY in the environment.",
    ),
    click.option("--elasticsearch-ca", type=FILE, help="PEM file of who vouches for Elasticsearch."),
)


@dataclass(frozen=True)
class FleetServerOptions:
    """What was given of them."""

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
        """Whether any was given on purpose; those that the environment may hold do not count."""
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
    """Make the target; raises CannotTell."""
    require_extra()
    from opamp_conformance.targets.fleet_server import FleetServerTarget, Services  # noqa: PLC0415 (an extra)
    from opamp_conformance.targets.fleet_server.containers import Images  # noqa: PLC0415

    def say(text: str) -> None:
        click.echo(text, err=True)

    if (options.fleet_server_url is None) != (options.elasticsearch_url is None):
        raise CannotTell("a Fleet Server that runs already needs both --fleet-server-url and --elasticsearch-url")
    if options.fleet_server_url is None or options.elasticsearch_url is None:
        if tls != Tls():
            raise CannotTell("certificates are for a Fleet Server that runs already: add --fleet-server-url")
        version = options.stack_version or STACK_VERSION
        images = Images(
            options.elasticsearch_image or f"{_ELASTICSEARCH}:{version}",
            options.elastic_agent_image or f"{_ELASTIC_AGENT}:{version}",
            options.reaper_image,
        )
        return FleetServerTarget(images, say, options.again(), keep=options.keep)
    if options.keep:
        raise CannotTell("--keep is for containers, and a Fleet Server that runs already needs none")
    access = Access(
        _checked("--elasticsearch-url", options.elasticsearch_url),
        api_key=os.environ.get("ELASTICSEARCH_API_KEY"),
        ca=options.elasticsearch_ca,
    )
    url = _checked("--fleet-server-url", options.fleet_server_url).rstrip("/")
    if "@" in urlsplit(url).netloc:
        raise CannotTell("the URL of a Fleet Server must not hold credentials: it is given an enrollment key")
    files = {"--elasticsearch-ca": options.elasticsearch_ca, "--ca": tls.ca, "--cert": tls.cert, "--key": tls.key}
    given = {option: path for option, path in files.items() if path is not None}
    for option, path in given.items():
        if not path.is_file():
            raise CannotTell(f"{option}: cannot read {path}: there is no such file")
    again = [f"{option} {shlex.quote(str(path))}" for option, path in given.items()]
    arguments = (f"--fleet-server-url {shlex.quote(url)}", f"--elasticsearch-url {shlex.quote(access.address)}", *again)
    return FleetServerTarget(Services(access, url, tls), say, arguments)


def _checked(option: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or not url.isprintable() or " " in url:
        raise CannotTell(f"{option} is not the URL of a server: give it as http://HOST:PORT")
    return url
