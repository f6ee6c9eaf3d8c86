"""What agents are offered, and take: the Givens of offers. What the target breaks on the way raises Unmet."""

from collections.abc import Callable

from opamp_conformance.agent import Agent
from opamp_conformance.client import Client
from opamp_conformance.errors import Unmet
from opamp_conformance.exchange import Exchange
from opamp_conformance.operator import PACKAGE, Operator
from opamp_conformance.transports.http import Response
from opamp_proto import opamp_pb2 as pb


class Offered:
    """Has the operator offer something, and the agent hear of it."""

    def __init__(self, client: Client, operator: Operator) -> None:
        self._client = client
        self._operator = operator

    def configuration(self, agent: Agent, text: str) -> Exchange:
        self._operator.offer_configuration(agent, text)
        return self._heard(agent, lambda reply: reply.HasField("remote_config"), "remote-config.offer-field")

    def take_configuration(self, agent: Agent, text: str) -> None:
        """Have the agent apply a configuration, and say so."""
        offer = self.configuration(agent, text).reply.remote_config
        if not offer.config_hash:
            raise Unmet("remote-config.config-hash-set", "the configuration has no hash")
        agent.remote_config_hash = offer.config_hash
        self._client.send(agent.remote_config_status(pb.RemoteConfigStatuses_APPLIED))

    def settings(self, agent: Agent, name: str) -> Exchange:
        self._operator.offer_settings(agent, name)
        broken = "opamp-offer.sent-in-opamp" if name == "opamp" else "own-telemetry.offer-shape"
        return self._heard(agent, lambda reply: reply.connection_settings.HasField(name), broken)

    def take_settings(self, agent: Agent, name: str) -> None:
        """Have the agent apply settings, and say so."""
        agent.connection_settings_hash = self.settings(agent, name).reply.connection_settings.hash
        self._client.send(agent.connection_settings_status(pb.ConnectionSettingsStatuses_APPLIED))

    def proxy(self, agent: Agent) -> Exchange:
        self._operator.offer_proxy(agent)
        return self._heard_settings_for_opamp(agent)

    def certificate(self, agent: Agent) -> Exchange:
        """Have the agent offered a certificate of an authority."""
        self._operator.offer_certificate(agent)
        return self._heard_settings_for_opamp(agent)

    def package(self, agent: Agent, content: bytes) -> Exchange:
        self._operator.offer_package(agent, content=content)
        return self._heard(agent, lambda reply: PACKAGE in reply.packages_available.packages, "packages.offer-field")

    def take_package(self, agent: Agent, content: bytes) -> Exchange:
        """Have the agent install a package, and say so."""
        exchange = self.package(agent, content)
        agent.packages_hash = exchange.reply.packages_available.all_packages_hash
        if not agent.packages_hash:
            raise Unmet("packages.all-hash-set", "all packages together have no hash")
        self._client.send(agent.package_statuses())
        return exchange

    def download(self, exchange: Exchange, *, first_byte: int = 0) -> Response:
        """Fetch the file of the package that is offered, from its beginning or from where a download broke off."""
        file = exchange.reply.packages_available.packages[PACKAGE].file
        headers = {header.key: header.value for header in file.headers.headers}
        part = {"Range": f"bytes={first_byte}-"} if first_byte else {}
        return self._client.fetch(file.download_url, {**headers, **part})

    def _heard_settings_for_opamp(self, agent: Agent) -> Exchange:
        return self._heard(
            agent, lambda reply: reply.connection_settings.HasField("opamp"), "opamp-offer.sent-in-opamp"
        )

    def _heard(self, agent: Agent, arrived: Callable[[pb.ServerToAgent], bool], requirement: str) -> Exchange:
        exchange = self._client.hear(agent.check_in, agent.instance_uid)
        if not arrived(exchange.reply):
            raise Unmet(requirement, "what the operator offers does not reach the agent")
        return exchange
