"""Deviations of certificates, and of requests for one."""

from collections.abc import Sequence

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb

Earlier = Sequence[pb.AgentToServer]
Settings = pb.OpAMPConnectionSettings


@breaks("csr.pem", also=("csr.client-sends",))
class RequestInDer(Behaviour):
    """The signing request is not in PEM."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.HasField("connection_settings_request"):
            message.connection_settings_request.opamp.certificate_request.csr = b"0"
        return message


@breaks("csr.client-sends", also=("csr.request-has-opamp", "csr.pem", "csr.certificate-request-required"))
class EmptyRequest(Behaviour):
    """The request for settings is empty."""

    def outgoing(self, message: pb.AgentToServer, earlier: Earlier) -> pb.AgentToServer:
        if message.HasField("connection_settings_request"):
            message.connection_settings_request.ClearField("opamp")
        return message


@breaks("csr.own-key", also=("csr.remove-bootstrap",))
class LosesKey(Behaviour):
    """The agent does not find the key of the certificate that it has asked for."""

    uses_own_key = False


@breaks("csr.remove-bootstrap")
class KeepsBootstrap(Behaviour):
    """The agent goes on with its earlier certificate when it gets the one that it has asked for."""

    _is_issued = False

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        certificate = message.connection_settings.opamp.certificate
        self._is_issued |= bool(certificate.cert and not certificate.private_key)
        return message

    def merged_settings(self, own: Settings, offer: Settings, merged: Settings) -> Settings:
        if self._is_issued and own.HasField("certificate"):
            merged.certificate.CopyFrom(own.certificate)
        return merged


@breaks("csr.uid-change-repeat-flow")
class KeepsCertificateOfOldUid(Behaviour):
    """The agent does not ask for another certificate when its instance_uid changes."""

    repeats_certificate_request = False


@breaks("opamp-settings.certificate-used", also=("csr.own-key",))
class IgnoresCertificate(Behaviour):
    """The agent does not show the offered certificate."""

    uses_offered_certificate = False


@breaks("opamp-settings.certificate-used:after-loss", needs="websocket")
class ForgetsCertificateAfterLoss(Behaviour):
    """After a lost connection, the agent does not show the offered certificate any more."""

    def settings_after_loss(self, given: Settings) -> Settings:
        changed = Settings()
        changed.CopyFrom(given)
        changed.ClearField("certificate")
        return changed


@breaks("opamp-settings.certificate-forget-old", also=("csr.remove-bootstrap",))
class KeepsFirstCertificate(Behaviour):
    """The agent goes on with its first certificate when it is offered another one."""

    def merged_settings(self, own: Settings, offer: Settings, merged: Settings) -> Settings:
        if own.HasField("certificate") and offer.HasField("certificate"):
            merged.certificate.CopyFrom(own.certificate)
        return merged


@breaks("opamp-settings.certificate-omitted")
class KeepsOmittedCertificate(Behaviour):
    """The agent goes on with its certificate when an offer has none."""

    def merged_settings(self, own: Settings, offer: Settings, merged: Settings) -> Settings:
        if own.HasField("certificate") and not offer.HasField("certificate"):
            merged.certificate.CopyFrom(own.certificate)
        return merged


@breaks("certificate.agent-not-trusting-ca")
class TrustsAuthorityOfCertificate(Behaviour):
    """The agent trusts a server because of the authority of its own certificate."""

    trusts_ca_of_certificate = True


@breaks("telemetry-settings.certificate-used")
class TelemetryWithoutCertificate(Behaviour):
    """The agent does not show the certificate that is offered for its telemetry."""

    shows_certificate_with_telemetry = False


@breaks("telemetry-settings.certificate-omitted")
class KeepsTelemetryCertificate(Behaviour):
    """The agent goes on with the certificate of its telemetry when an offer has none."""

    forgets_telemetry_certificate = False
