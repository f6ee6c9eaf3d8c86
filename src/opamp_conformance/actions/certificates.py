"""Client certificates on request (Agent-initiated CSR Flow)."""

from functools import cached_property

from opamp_conformance.client import certificates
from opamp_conformance.client.agent import EVERY_CAPABILITY, Agent
from opamp_conformance.client.client import Client
from opamp_conformance.errors import NotApplicableError, PreconditionFailedError
from opamp_conformance.wire.exchange import Exchange


class CertificateRequests:
    """Asks for certificates; ``last_request`` is the last CSR that was sent, in PEM."""

    def __init__(self, client: Client, run_id: str) -> None:
        self._client = client
        self._run_id = run_id
        self.last_request = b""

    def ask(self, agent: Agent) -> Exchange:
        return self._send(agent, certificates.signing_request(agent.instance_uid))

    @cached_property
    def are_issued_at_once(self) -> bool:
        """Whether a new agent receives a certificate in the answer to its request, without an approval by people."""
        exchange = self.ask(Agent(self._run_id, capabilities=EVERY_CAPABILITY))
        return exchange.message is not None and bool(exchange.reply.connection_settings.opamp.certificate.cert)

    def ask_with_garbage(self, agent: Agent) -> Exchange:
        """Send PEM that is not a request."""
        return self._send(agent, b"-----BEGIN CERTIFICATE REQUEST-----\nnothing\n-----END CERTIFICATE REQUEST-----\n")

    def issued_for_rsa(self, agent: Agent) -> Exchange:
        """Ask for a certificate for a key of RSA. A server need not issue one for every kind of key."""
        exchange = self._send(agent, certificates.rsa_signing_request(agent.instance_uid))
        if not exchange.reply.connection_settings.opamp.certificate.cert:
            raise NotApplicableError("the server issues no certificate for a key of RSA")
        return exchange

    def ask_for_another(self, agent: Agent, other: Agent) -> Exchange:
        """Send a request whose common name is the instance_uid of another agent."""
        return self._send(agent, certificates.signing_request(other.instance_uid))

    def ask_naming_another(self, agent: Agent, other: Agent, field: str) -> Exchange:
        """Send a request of an agent that has the instance_uid of another agent in one of its fields."""
        return self._send(agent, certificates.request_that_names(other.instance_uid, field, agent.instance_uid))

    def ask_with_forged_request(self, agent: Agent) -> Exchange:
        """Send a request that is not signed with the key it holds."""
        return self._send(agent, certificates.forged_request(agent.instance_uid))

    def ask_for_nothing(self, agent: Agent) -> Exchange:
        """Send a request that has neither ``opamp`` nor anything else (ConnectionSettingsRequest)."""
        message = agent.full_status()
        message.connection_settings_request.SetInParent()
        return self._client.send(message)

    def issued(self, agent: Agent) -> Exchange:
        """Ask, and require a certificate; a server need not issue one at once if people approve requests."""
        exchange = self.ask(agent)
        if not exchange.reply.connection_settings.opamp.certificate.cert:
            raise PreconditionFailedError("csr.server-responds", "the request is not answered with a certificate")
        return exchange

    def _send(self, agent: Agent, csr: bytes) -> Exchange:
        self.last_request = csr
        return self._client.send(agent.certificate_request(csr))
