"""Offers, from both sides: the operator makes the server offer something, and an agent receives and applies it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opamp_conformance.actions.control_plane import ControlPlaneClient, Package
from opamp_conformance.actions.server_capabilities import ServerCapabilities
from opamp_conformance.actions.standing_offers import StandingOffers
from opamp_conformance.client.agent import Agent, configuration
from opamp_conformance.client.client import Client
from opamp_conformance.errors import NotApplicableError, PreconditionFailedError
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpResponse
from opamp_proto import opamp_pb2 as pb

FILE: Final = "collector.yaml"
"""The name of the configuration file that is offered."""
PACKAGE: Final = "collector"
"""The name of the package that is offered."""
VERSION: Final = "1.0.0"
"""The version of the package that is offered."""
CONNECTION: Final = "backend"
"""The name of the other connection that is offered."""
SETTINGS: Final = {
    "OpAMP": "opamp",
    "own metrics": "own_metrics",
    "own traces": "own_traces",
    "own logs": "own_logs",
    "another connection": "other_connections",
}
"""The fields of ConnectionSettingsOffers, by the names that scenarios use."""

SIGNALS: Final = {
    "own_metrics": int(pb.AgentCapabilities_ReportsOwnMetrics),
    "own_traces": int(pb.AgentCapabilities_ReportsOwnTraces),
    "own_logs": int(pb.AgentCapabilities_ReportsOwnLogs),
}
"""The fields of settings for own telemetry, each with the capability that an agent needs."""

_NEEDS_OPERATOR: Final = (
    "the server does not offer this to every agent, so the scenario needs a control plane (--control)"
)


class OfferFlow:
    """Makes the server offer, and lets an agent receive and apply.

    ``offer_`` is the operator's part, ``receive_`` adds the agent's, and ``apply_`` adds the agent's report that it
    applied the offer. Without a control plane, an agent receives what the server offers to every agent. An offer that
    does not arrive raises PreconditionFailedError.
    """

    def __init__(
        self, client: Client, control_plane: ControlPlaneClient, server: ServerCapabilities, standing: StandingOffers
    ) -> None:
        self._client = client
        self._control_plane = control_plane
        self._server = server
        self._standing = standing

    def require(self, capability: str) -> None:
        """Raise NotApplicableError unless the server offers something by itself, or announces it and can be made to."""
        if self._control_plane.is_given:
            self._server.require(capability)
        elif not self._standing.has(capability):
            self._server.require(capability)
            raise NotApplicableError(_NEEDS_OPERATOR)

    def offer_everything(self, agent: Agent) -> None:
        """Offer everything that the specification defines."""
        self.offer_configuration(agent, "receivers: {}")
        self.offer_settings(agent, *SETTINGS.values())
        self.offer_package(agent)

    def define_everything(self, agent: Agent) -> None:
        """Offer everything; without a control plane, the server has to offer something to every agent anyway."""
        self._define(lambda: self.offer_everything(agent), self._standing.has_any)

    def _define(self, offer: Callable[[], None], is_standing: Callable[[], bool]) -> None:
        """Make an offer before the agent reports; raises NotApplicableError if nobody makes it."""
        if self._control_plane.is_given:
            offer()
        elif not is_standing():
            raise NotApplicableError(_NEEDS_OPERATOR)

    # ---- remote configuration

    def offer_file(self, agent: Agent, name: str, content_type: str) -> None:
        """Offer a configuration of one file, whose content is always the same."""
        files = pb.AgentConfigMap()
        files.config_map[name].CopyFrom(configuration("processors: {}"))
        files.config_map[name].content_type = content_type
        self._control_plane.offer_remote_config(agent, files)

    def offer_file_with_role(self, agent: Agent, name: str, role: str) -> None:
        files = pb.AgentConfigMap()
        files.config_map[name].CopyFrom(configuration("processors: {}"))
        files.config_map[name].role = role
        self._control_plane.offer_remote_config_with_role(agent, files)

    def offer_files(self, agent: Agent, *names: str) -> None:
        """Offer a configuration of several files, each with another content."""
        files = pb.AgentConfigMap()
        for name in names:
            files.config_map[name].CopyFrom(configuration(f"# {name}"))
        self._control_plane.offer_remote_config(agent, files)

    def offer_configuration(self, agent: Agent, text: str) -> None:
        files = pb.AgentConfigMap()
        files.config_map[FILE].CopyFrom(configuration(text))
        self._control_plane.offer_remote_config(agent, files)

    def define_configuration(self, agent: Agent, text: str) -> None:
        """Offer a configuration; without a control plane, the server has to offer one to every agent anyway."""
        self._define(lambda: self.offer_configuration(agent, text), lambda: self._standing.has("OffersRemoteConfig"))

    def receive_configuration(self, agent: Agent, text: str) -> Exchange:
        if self._control_plane.is_given:
            self.offer_configuration(agent, text)
        return self._receive(agent, lambda reply: reply.HasField("remote_config"), "remote-config.offer-field")

    def apply_file(self, agent: Agent, name: str, content_type: str) -> None:
        """Offer one file, and let the agent receive and apply it."""
        self.offer_file(agent, name, content_type)
        requirement = "remote-config.offer-field"
        self._apply(agent, self._receive(agent, lambda reply: reply.HasField("remote_config"), requirement))

    def apply_configuration(self, agent: Agent, text: str) -> None:
        self._apply(agent, self.receive_configuration(agent, text))

    def _apply(self, agent: Agent, exchange: Exchange) -> None:
        offer = exchange.reply.remote_config
        if not offer.config_hash:
            raise PreconditionFailedError("remote-config.config-hash-set", "the configuration has no hash")
        agent.remote_config_hash = offer.config_hash
        self._client.send(agent.remote_config_status(pb.RemoteConfigStatuses_APPLIED))

    # ---- connection settings

    def offer_settings(
        self, agent: Agent, *fields: str, host: str = "first.example", headers: Mapping[str, str] | None = None
    ) -> None:
        """Offer settings in these fields of ConnectionSettingsOffers, for connections to a host.

        The agent sends ``headers`` with its own metrics.
        """
        offer = settings(fields, host)
        for key, value in (headers or {}).items():
            offer.own_metrics.headers.headers.add(key=key, value=value)
        self._control_plane.offer_connection_settings(agent, offer)

    def define_settings(self, agent: Agent, *fields: str) -> None:
        """Offer settings; without a control plane, the server has to offer one of them to every agent anyway."""
        self._define(
            lambda: self.offer_settings(agent, *fields),
            lambda: any(_has_settings(self._standing.seen, field) for field in fields),
        )

    def define_signals(self, agent: Agent) -> list[str]:
        """Offer settings for each signal of own telemetry; return their fields.

        Without a control plane, these are the signals for which agents with only this signal are offered settings.
        """
        if self._control_plane.is_given:
            self.offer_settings(agent, *SIGNALS)
            return list(SIGNALS)
        offered = [signal for signal, bit in SIGNALS.items() if self._standing.offers_signal(signal, bit)]
        if not offered:
            raise NotApplicableError(_NEEDS_OPERATOR)
        return offered

    def receive_settings(self, agent: Agent, field: str) -> Exchange:
        if self._control_plane.is_given:
            self.offer_settings(agent, field)
        broken = "opamp-offer.sent-in-opamp" if field == "opamp" else "own-telemetry.offer-shape"
        return self._receive(agent, lambda reply: _has_settings(reply, field), broken)

    def apply_settings(self, agent: Agent, field: str) -> None:
        agent.connection_settings_hash = self.receive_settings(agent, field).reply.connection_settings.hash
        self._client.send(agent.connection_settings_status(pb.ConnectionSettingsStatuses_APPLIED))

    def receive_proxy(self, agent: Agent) -> Exchange:
        """Receive settings for OpAMP with a proxy."""
        offer = settings(["opamp"], "first.example")
        offer.opamp.proxy.url = "http://proxy.example:3128"
        return self._receive_opamp_settings(agent, offer, lambda settings: settings.HasField("proxy"))

    def receive_certificate(self, agent: Agent) -> Exchange:
        """Offer a certificate that an authority has signed, with its private key."""
        from opamp_conformance.client.certificates import signed_certificate  # noqa: PLC0415 - few runs need it

        offer = settings(["opamp"], "first.example")
        offer.opamp.certificate.CopyFrom(signed_certificate())
        return self._receive_opamp_settings(agent, offer, lambda settings: settings.HasField("certificate"))

    def receive_other_certificate(self, agent: Agent) -> Exchange:
        """Receive settings for another connection with a certificate that an authority has signed."""

        def has_certificate(reply: pb.ServerToAgent) -> bool:
            others = reply.connection_settings.other_connections.values()
            return any(other.HasField("certificate") for other in others)

        requirement = "other-settings.offer-shape"
        if not self._control_plane.is_given:
            return self._receive(agent, has_certificate, requirement)
        from opamp_conformance.client.certificates import signed_certificate  # noqa: PLC0415 - few runs need it

        offer = settings(["other_connections"], "first.example")
        offer.other_connections[CONNECTION].certificate.CopyFrom(signed_certificate())
        self._control_plane.offer_connection_settings(agent, offer)
        return self._receive(agent, has_certificate, requirement)

    # ---- packages

    def offer_package(
        self, agent: Agent, *, version: str = VERSION, content: bytes = b"content", kind: str = "PackageType_TopLevel"
    ) -> None:
        self._control_plane.offer_packages(agent, {PACKAGE: Package(kind, version, content)})

    def define_package(self, agent: Agent) -> None:
        """Offer a package; without a control plane, the server has to offer one to every agent anyway."""
        self._define(lambda: self.offer_package(agent), lambda: self._standing.has("OffersPackages"))

    def offer_packages(self, agent: Agent, *names: str) -> None:
        """Offer several packages, each with another content."""
        packages = {name: Package("PackageType_Addon", VERSION, name.encode()) for name in names}
        self._control_plane.offer_packages(agent, packages)

    def offer_package_named(self, agent: Agent, name: str, content: bytes) -> None:
        self._control_plane.offer_packages(agent, {name: Package("PackageType_Addon", VERSION, content)})

    def receive_package(self, agent: Agent, content: bytes) -> Exchange:
        requirement = "packages.offer-field"
        if not self._control_plane.is_given:
            return self._receive(agent, lambda reply: len(reply.packages_available.packages) > 0, requirement)
        self.offer_package(agent, content=content)
        return self._receive(agent, lambda reply: PACKAGE in reply.packages_available.packages, requirement)

    def apply_package(self, agent: Agent, content: bytes) -> Exchange:
        exchange = self.receive_package(agent, content)
        agent.install(exchange.reply.packages_available)
        if not agent.packages_hash:
            raise PreconditionFailedError("packages.all-hash-set", "the offer has no all_packages_hash")
        self._client.send(agent.package_statuses())
        return exchange

    def download(self, exchange: Exchange) -> HttpResponse:
        """Download the file of the package that was offered."""
        return self._fetch(exchange.reply.packages_available.packages[PACKAGE].file, {})

    def download_all(self, exchange: Exchange, *, part: str = "") -> dict[str, HttpResponse]:
        """Download the files of all packages that were offered, whole or a ``part`` (the Range header)."""
        headers = {"Range": part} if part else {}
        packages = exchange.reply.packages_available.packages
        return {name: self._fetch(package.file, headers) for name, package in packages.items()}

    def _fetch(self, file: pb.DownloadableFile, part: Mapping[str, str]) -> HttpResponse:
        headers = {header.key: header.value for header in file.headers.headers}
        return self._client.fetch(file.download_url, {**headers, **part})

    def _receive_opamp_settings(
        self, agent: Agent, offer: pb.ConnectionSettingsOffers, are_meant: Callable[[pb.OpAMPConnectionSettings], bool]
    ) -> Exchange:
        """Receive settings for OpAMP; of those that every agent is offered, only the ones that are meant."""
        requirement = "opamp-offer.sent-in-opamp"
        if not self._control_plane.is_given:
            return self._receive(agent, lambda reply: are_meant(reply.connection_settings.opamp), requirement)
        self._control_plane.offer_connection_settings(agent, offer)
        return self._receive(agent, lambda reply: reply.connection_settings.HasField("opamp"), requirement)

    def _receive(self, agent: Agent, has_arrived: Callable[[pb.ServerToAgent], bool], requirement: str) -> Exchange:
        if not self._control_plane.is_given:
            return self._receive_standing(agent, has_arrived, requirement)
        exchange = self._client.receive_next(agent.check_in, agent.instance_uid)
        if not has_arrived(exchange.reply):
            raise PreconditionFailedError(requirement, "the operator's offer does not reach the agent")
        return exchange

    def _receive_standing(
        self, agent: Agent, has_arrived: Callable[[pb.ServerToAgent], bool], requirement: str
    ) -> Exchange:
        """Return the exchange in which the server offered the agent what it offers to every agent."""
        if not has_arrived(self._standing.seen):
            raise NotApplicableError(_NEEDS_OPERATOR)
        so_far = self._client.exchanges_of(agent.instance_uid)
        if not so_far:
            so_far = [self._client.send(agent.full_status())]
        for exchange in so_far:
            if exchange.message is not None and has_arrived(exchange.message):
                return exchange
        exchange = self._client.receive_next(agent.check_in, agent.instance_uid)
        if not has_arrived(exchange.reply):
            raise PreconditionFailedError(requirement, "what the server offers to others does not reach the agent")
        return exchange


def _has_settings(reply: pb.ServerToAgent, field: str) -> bool:
    if field == "other_connections":
        return len(reply.connection_settings.other_connections) > 0
    return bool(reply.connection_settings.HasField(field))


def settings(fields: Sequence[str], host: str) -> pb.ConnectionSettingsOffers:
    """Make settings in these fields of ConnectionSettingsOffers, for connections to a host."""
    offer = pb.ConnectionSettingsOffers()
    for field in fields:
        if field == "opamp":
            offer.opamp.destination_endpoint = f"wss://{host}:4320/v1/opamp"
        elif field == "other_connections":
            offer.other_connections[CONNECTION].destination_endpoint = f"https://{host}/other"
        else:
            getattr(offer, field).destination_endpoint = f"https://{host}/v1/{field.removeprefix('own_')}"
    return offer
