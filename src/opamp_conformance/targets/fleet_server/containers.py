"""Elasticsearch and Fleet Server in containers on a network of their own. They are removed at the end of the run.

A reaper container removes the containers of a killed run. If its image is not available, the next start removes them.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import docker  # type: ignore[import-untyped]
import docker.errors  # type: ignore[import-untyped]
import requests
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from opamp_conformance.errors import InconclusiveError
from opamp_conformance.redaction import REDACTED
from opamp_conformance.targets import Tls
from opamp_conformance.targets.elasticsearch import ElasticsearchAccess
from opamp_conformance.targets.fleet_server.preparation import Prepared, configuration

Say = Callable[[str], None]

_LABEL: Final = "io.github.opamp-conformance.owner"
_KEPT: Final = "io.github.opamp-conformance.kept"
_ELASTICSEARCH_PORT: Final = 9200
_FLEET_SERVER_PORT: Final = 8220
_CONFIGURATION: Final = "/tmp/fleet-server.yml"  # noqa: S108 (in a container of its own)
_COMMAND: Final = (
    f'exec "$(ls -d /usr/share/elastic-agent/data/elastic-agent-*/components/fleet-server)" -c {_CONFIGURATION}'
)
_LAST_LINES: Final = 20
_LONGEST_LINE: Final = 300
_PROGRESS_SECONDS: Final = 5.0
_START_SECONDS: Final = 180.0


@dataclass(frozen=True)
class Images:
    """Which containers to start. Without a reaper, the next run removes the containers of a killed run."""

    elasticsearch: str
    elastic_agent: str
    reaper: str | None = None


class Containers:
    """Starts containers on one network. Raises InconclusiveError with the end of the log of a container that fails."""

    def __init__(self, images: Images, say: Say, *, keep: bool) -> None:
        """Find the container engine, and remove containers of killed runs. Raises InconclusiveError."""
        self._images = images
        self._say = say
        self._keep = keep
        self._password = secrets.token_urlsafe(16)
        self._secrets = {self._password}
        try:
            self._docker = docker.from_env()
            self._docker.ping()
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            raise InconclusiveError(
                "no container engine answers: start one, or give --elasticsearch-url and --fleet-server-url"
            ) from error
        _remove_marked(self._docker, _is_left_over, lambda name: say(f"removing {name} of a killed run"))

    @contextmanager
    def network(self) -> Iterator[Network]:
        """Create the network, and start the reaper if possible."""
        self._choose_reaper()
        network = Network(docker_network_kw={"labels": self._labels()})
        with ExitStack() as stack:
            if not self._keep:
                stack.callback(_suppressed, self._remove_own)
            with self._failures("the network"):
                network.create()
            yield network
            if self._keep:
                self._say(f"the network stays: docker network rm {network.name}")

    @contextmanager
    def elasticsearch(self, network: Network) -> Iterator[tuple[ElasticsearchAccess, str]]:
        """Start Elasticsearch with security; return the access from this machine, and its URL in the network."""
        container = DockerContainer(self._images.elasticsearch)
        container.with_env("discovery.type", "single-node")
        container.with_env("xpack.security.enabled", "true").with_env("xpack.security.http.ssl.enabled", "false")
        container.with_env("ELASTIC_PASSWORD", self._password).with_env("ES_JAVA_OPTS", "-Xms1g -Xmx1g")
        container.with_exposed_ports(_ELASTICSEARCH_PORT)
        with self._started("Elasticsearch", "elasticsearch", container, network):
            address = self._address("Elasticsearch", container, _ELASTICSEARCH_PORT)
            access = ElasticsearchAccess(f"http://elastic:{self._password}@{address}")
            self._wait("Elasticsearch", container, lambda: _is_up(access))
            yield access, f"http://elasticsearch:{_ELASTICSEARCH_PORT}"

    @contextmanager
    def fleet_server(self, network: Network, made: Prepared, elasticsearch_url: str) -> Iterator[str]:
        """Start Fleet Server without Elastic Agent; return its URL from this machine."""
        self._secrets |= {made.enrollment_key, made.api_key, made.fleet.service_token or self._password}
        container = DockerContainer(self._images.elastic_agent)
        container.with_exposed_ports(_FLEET_SERVER_PORT)
        text = configuration(made, elasticsearch_url, _FLEET_SERVER_PORT)
        container.with_copy_into_container(text.encode(), _CONFIGURATION)
        with self._started("Fleet Server", "fleet-server", container, network, entrypoint=["/bin/sh", "-c", _COMMAND]):
            url = f"http://{self._address('Fleet Server', container, _FLEET_SERVER_PORT)}"
            self._wait("Fleet Server", container, lambda: is_healthy(url))
            yield url

    @contextmanager
    def _started(
        self, name: str, alias: str, container: DockerContainer, network: Network, **options: Any
    ) -> Iterator[None]:
        self._pull(container.image)
        container.with_network(network).with_network_aliases(alias)
        container.with_kwargs(labels=self._labels(), **options)
        with ExitStack() as stack:
            if not self._keep:
                stack.callback(_suppressed, container.stop)
            with self._failures(name, container):
                container.start()
            self._say(f"{name} starts ({container.image})")
            yield
            if self._keep:
                self._say(f"{name} stays: docker rm -f -v {container.get_wrapped_container().short_id}")

    def _pull(self, image: str) -> None:
        """Pull an image if it is missing, and report the progress."""
        with suppress(docker.errors.ImageNotFound):
            self._docker.images.get(image)
            return
        self._say(f"pulling {image}")
        layers: dict[str, str] = {}
        told = time.monotonic()
        repository, tag = docker.utils.parse_repository_tag(image)
        try:
            for progress in self._docker.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
                if "error" in progress:
                    raise InconclusiveError(f"the image {image} cannot be pulled: {progress['error']}")
                layers[progress.get("id", "")] = progress.get("status", "")
                if time.monotonic() - told > _PROGRESS_SECONDS:
                    told = time.monotonic()
                    done = sum(status in ("Pull complete", "Already exists") for status in layers.values())
                    self._say(f"pulling {image}: {done} of {len(layers)} layers")
        except (docker.errors.APIError, requests.exceptions.RequestException) as error:
            reason = getattr(error, "explanation", None) or type(error).__name__
            raise InconclusiveError(f"the image {image} cannot be pulled: {reason}") from error

    def _choose_reaper(self) -> None:
        config = testcontainers_config
        if self._keep or self._images.reaper == "none":
            config.ryuk_disabled = True
        if config.ryuk_disabled:
            return
        config.ryuk_image = self._images.reaper or config.ryuk_image
        try:
            self._pull(config.ryuk_image)
        except InconclusiveError as error:
            self._say(f"{error}; if this run is killed, the next one removes its containers")
            config.ryuk_disabled = True

    def _labels(self) -> dict[str, str]:
        return {_LABEL: f"{socket.gethostname()}/{os.getpid()}"} | ({_KEPT: "1"} if self._keep else {})

    def _remove_own(self) -> None:
        """Remove everything of this run, also what the engine made for a request that was interrupted."""
        own = self._labels()
        _remove_marked(self._docker, lambda labels: own.items() <= labels.items(), lambda name: None)

    @contextmanager
    def _failures(self, name: str, container: DockerContainer | None = None) -> Iterator[None]:
        """Turn the errors of the container engine, and of testcontainers, into InconclusiveError."""
        try:
            yield
        except (docker.errors.DockerException, requests.exceptions.RequestException, OSError, RuntimeError) as error:
            reason = getattr(error, "explanation", None) or str(error)
            log = self._log_of(container) if container is not None else ""
            raise InconclusiveError(
                f"{name} does not start: {reason}" + (f"; its log ends with\n{log}" if log else "")
            ) from error

    def _wait(self, name: str, container: DockerContainer, is_ready: Callable[[], bool]) -> None:
        """Wait until a service is ready. Raises InconclusiveError if it ends before that, or takes too long."""
        began = told = time.monotonic()
        while not is_ready():
            container.reload()
            if container.status != "running":
                raise InconclusiveError(f"{name} ended while it started; its log ends with\n{self._log_of(container)}")
            now = time.monotonic()
            if now - began > _START_SECONDS:
                raise InconclusiveError(
                    f"{name} is not ready after {_START_SECONDS:.0f} s; its log ends with\n{self._log_of(container)}"
                )
            if now - told > _PROGRESS_SECONDS:
                told = now
                self._say(f"{name} is starting, {now - began:.0f} s so far")
            time.sleep(0.2)
        self._say(f"{name} is ready after {time.monotonic() - began:.0f} s")

    def _address(self, name: str, container: DockerContainer, port: int) -> str:
        with self._failures(name, container):
            return f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"

    def _log_of(self, container: DockerContainer) -> str:
        try:
            text = b"".join(container.get_logs()).decode(errors="replace")
        except (docker.errors.DockerException, requests.exceptions.RequestException, RuntimeError):
            return ""  # It was never created.
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return "\n".join(line[:_LONGEST_LINE] for line in text.splitlines()[-_LAST_LINES:])


def status(url: str, tls: Tls = Tls(), enrollment_key: str | None = None) -> dict[str, Any]:
    """Return the status of a Fleet Server. Raises ValueError or an error of requests."""
    headers = {} if enrollment_key is None else {"Authorization": f"ApiKey {enrollment_key}"}
    cert = None if tls.cert is None else (str(tls.cert), str(tls.key or tls.cert))
    verify = True if tls.ca is None else str(tls.ca)
    with requests.Session() as session:
        session.trust_env = False  # Do not use proxies or credentials of the environment.
        told = session.get(f"{url}/api/status", headers=headers, timeout=5, verify=verify, cert=cert).json()
    return told if isinstance(told, dict) else {}


def is_healthy(url: str, tls: Tls = Tls()) -> bool:
    """Return whether a Fleet Server is healthy."""
    try:
        return status(url, tls).get("status") == "HEALTHY"
    except (requests.exceptions.RequestException, ValueError, OSError):
        return False


def _is_up(access: ElasticsearchAccess) -> bool:
    with access.client(timeout=5) as client:
        return client.ping()


def _remove_marked(engine: Any, is_removable: Callable[[Mapping[str, str]], bool], say: Say) -> None:
    """Remove containers that runs made, by their labels, and afterwards their networks. ``say`` gets the names."""
    marked = {"label": _LABEL}
    for container in engine.containers.list(all=True, filters=marked, ignore_removed=True):
        if is_removable(container.labels):
            say(container.name)
            _suppressed(partial(container.remove, force=True, v=True))
    for network in engine.networks.list(filters=marked):
        if is_removable(network.attrs["Labels"]):
            say(network.name)
            _suppressed(network.remove)


def _is_left_over(labels: Mapping[str, str]) -> bool:
    host, _, pid = labels[_LABEL].partition("/")
    return _KEPT not in labels and host == socket.gethostname() and not _is_running(pid)


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _suppressed(remove: Callable[[], None]) -> None:
    with suppress(docker.errors.DockerException, requests.exceptions.RequestException, AssertionError):
        remove()  # testcontainers raises AssertionError for a network that was never created.
