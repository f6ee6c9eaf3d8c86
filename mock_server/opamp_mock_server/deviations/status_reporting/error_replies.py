"""Deviations from Status Reporting: errors in reply to good messages, wrong errors, and failures without an error."""

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb

_LONG_BYTES = 65_536
_OF_CHECK_INS = (
    "fleet.check-in",
    "fleet.instances.check-in",
    "heartbeat.only-instance-uid",
    "http.support-identity-request",
    "identification.new-uid-is-served",
    "size.http.default",
    "size.ws.default",
)
"""The requirements that an error in reply to each check-in breaks, whatever its type."""


@breaks(
    "response.no-error-on-success",
    also=_OF_CHECK_INS,
)
class UnknownErrorOnCheckIn(Core):
    """A check-in is processed, but answered with an error of type Unknown."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        reply = _unknown_error(message)
        return outcome if message.HasField("agent_description") else outcome._replace(reply=reply)


@breaks(
    "response.no-error-on-success:first-report",
    also=["capabilities.server.accepts-status", "fleet.auto-enrollment", "identification.any-uid"],
)
class UnknownErrorOnFirstReport(Core):
    """The report of an unknown agent is processed, but answered with an error of type Unknown."""

    def enroll(self, message: pb.AgentToServer) -> Outcome:
        return super().enroll(message)._replace(reply=_unknown_error(message))


@breaks("response.no-error-on-success:unhealthy")
class UnhealthyAgentRefused(Core):
    """The report of an unhealthy agent is answered with an error of type Unknown."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        is_unhealthy = message.HasField("health") and not message.health.healthy
        outcome = super().check_in(known, message)
        return outcome._replace(reply=_unknown_error(message)) if is_unhealthy else outcome


@breaks("response.no-error-on-success:disconnect", also=["fleet.disconnect.enrolled", "fleet.instances.disconnect"])
class DisconnectAnsweredWithError(Core):
    """The agent_disconnect of a known agent is answered with an error of type Unknown."""

    def disconnect(self, known: AgentRecord | None, message: pb.AgentToServer) -> Outcome:
        return super().disconnect(known, message)._replace(reply=_unknown_error(message))


@breaks(
    "error.bad-request-only-as-reply",
    also=[*_OF_CHECK_INS, "response.no-error-on-success"],
)
class BadRequestOnCheckIn(Core):
    """A check-in is processed, but answered with an error of type BadRequest."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        reply = self.bad_request(message.instance_uid, "the message is malformed")
        return outcome if message.HasField("agent_description") else outcome._replace(reply=reply)


@breaks(
    "error.unavailable-means-overload",
    also=[*_OF_CHECK_INS, "response.no-error-on-success"],
)
class UnavailableOnCheckIn(Core):
    """A check-in is processed, but answered with an error of type Unavailable."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        reply = self.error(message.instance_uid, pb.ServerErrorResponseType_Unavailable, "the server is overloaded")
        outcome = super().check_in(known, message)
        return outcome if message.HasField("agent_description") else outcome._replace(reply=reply)


@breaks("response.error-on-failure", also=["error.set-on-failure"])
class FailuresAcknowledged(Core):
    """A message that the server could not process is acknowledged."""

    def failure(self, instance_uid: bytes) -> pb.ServerToAgent:
        return self.empty_message(instance_uid)


@breaks("error.bad-request-only-as-reply:failure")
class FailuresAreBadRequests(Core):
    """A message that the server could not process is answered with BadRequest."""

    def failure(self, instance_uid: bytes) -> pb.ServerToAgent:
        return self.bad_request(instance_uid, "the message could not be processed")


@breaks("error.bad-request-only-as-reply:custom-message")
class CustomMessagesRefused(Core):
    """A custom message of a capability that the server does not have is rejected as malformed."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        is_foreign = message.custom_message.capability not in self.custom_capabilities
        if message.HasField("custom_message") and is_foreign:
            return "the server does not have this custom capability"
        return super().malformed(message)


@breaks("response.no-error-on-success:with-part")
class OddReportsRefused(Core):
    """A report is refused if it has a package that is not installed, or a configuration that is long or no YAML."""

    def malformed(self, message: pb.AgentToServer) -> str | None:
        files = message.effective_config.config_map.config_map.values()
        packages = message.package_statuses.packages.values()
        if any(package.status != pb.PackageStatusEnum_Installed for package in packages):
            return "the package is not installed"
        if any(len(file.body) > _LONG_BYTES or "toml" in file.content_type for file in files):
            return "the configuration is too long, or no YAML"
        return super().malformed(message)


@breaks("response.no-error-on-success:binary-configuration")
class OnlyTextsAsConfiguration(Core):
    """The report of a configuration that is not text is answered with an error of type Unknown."""

    def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
        outcome = super().check_in(known, message)
        try:
            for file in message.effective_config.config_map.config_map.values():
                file.body.decode()
        except UnicodeDecodeError:
            return outcome._replace(reply=_unknown_error(message))
        return outcome


def _unknown_error(message: pb.AgentToServer) -> pb.ServerToAgent:
    reply = pb.ServerToAgent(instance_uid=message.instance_uid)
    reply.error_response.error_message = "the message could not be processed"
    return reply
