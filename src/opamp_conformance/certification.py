"""Client certificates on request: what an agent can ask of a server that issues them (Agent-initiated CSR Flow)."""

from opamp_conformance import pki
from opamp_conformance.agent import Agent
from opamp_conformance.client import Client
from opamp_conformance.errors import Unmet
from opamp_conformance.exchange import Exchange


class Certification:
    """Asks for certificates; ``request`` is the last CSR that was sent, in PEM."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.request = b""

    def ask(self, agent: Agent) -> Exchange:
        return self._send(agent, pki.signing_request(agent.instance_uid))

    def ask_by_no_request(self, agent: Agent) -> Exchange:
        return self._send(agent, b"-----BEGIN CERTIFICATE REQUEST-----\nnothing\n-----END CERTIFICATE REQUEST-----\n")

    def ask_by_forged_request(self, agent: Agent) -> Exchange:
        return self._send(agent, pki.forged_request(agent.instance_uid))

    def ask_for_nothing(self, agent: Agent) -> Exchange:
        """Send a request that says for what it asks by nothing at all (ConnectionSettingsRequest)."""
        message = agent.full_status()
        message.connection_settings_request.SetInParent()
        return self._client.send(message)

    def issued(self, agent: Agent) -> Exchange:
        """Have a certificate issued; a server that leaves it to people may not do so at once."""
        exchange = self.ask(agent)
        if not exchange.reply.connection_settings.opamp.certificate.cert:
            raise Unmet("csr.server-responds", "the request is not answered with a certificate")
        return exchange

    def _send(self, agent: Agent, csr: bytes) -> Exchange:
        self.request = csr
        return self._client.send(agent.certificate_request(csr))
