"""The core of the agent: from a ServerToAgent to what the agent knows, reports and does next."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import uuid6

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.core import description
from opamp_mock_agent.core.connection_settings import needs_connection, status_of
from opamp_mock_agent.core.packages import Download, Packages
from opamp_mock_agent.core.remote_config import applied, effective_config
from opamp_mock_agent.core.status import Status
from opamp_mock_agent.saved_state import SavedState, save_state
from opamp_mock_agent.settings import POLL_SECONDS, AgentSettings
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb

_REMEMBERED_MESSAGES: Final = 20
_NO_RETRY: Final = (pb.ServerErrorResponseType_Unknown, pb.ServerErrorResponseType_BadRequest)


@dataclass(frozen=True)
class Reaction:
    """What the agent has to do after a message, beside its next report.

    ``wait`` is how many seconds to wait before it tries again, 0 for its own backoff, None if the server is available.
    ``offer`` has OpAMP settings to try. ``restart`` says that the agent is to restart.
    """

    wait: float | None = None
    restart: bool = False
    offer: pb.ConnectionSettingsOffers | None = None
    downloads: Sequence[Download] = ()


class AgentCore:
    """One agent, without I/O. ``echoes`` are custom messages to send."""

    def __init__(self, settings: AgentSettings, state: SavedState, behaviour: Behaviour) -> None:
        self.settings = settings
        self.state = state
        self.behaviour = behaviour
        self.capabilities = description.capability_bits(settings.capabilities)
        self.status = Status()
        self.packages = Packages(state, behaviour)
        self.echoes: deque[pb.CustomMessage] = deque()
        self.requests: deque[pb.ConnectionSettingsRequest] = deque()
        self.attributes: dict[str, str] = {}
        self.next_config_problem = ""
        self._asks_for_uid = settings.request_instance_uid
        self._former_uids: set[bytes] = set()
        self._number = 0
        self._applied_at = 0.0
        self._started_at = time.time_ns()
        self._error = ""
        self._server_capabilities = 0
        self._answers_due = 0
        self._has_heard = False
        self._last: deque[pb.AgentToServer] = deque(maxlen=_REMEMBERED_MESSAGES)
        if not state.instance_uid:
            state.instance_uid = behaviour.new_instance_uid(uuid6.uuid7().bytes)
            self.save()
        self._own_uid = state.instance_uid
        self._describe()

    # ---- what the agent sends

    @property
    def has_news(self) -> bool:
        """Whether there is something to report now."""
        return self.status.has_news or bool(self.echoes) or self._has_request

    @property
    def asks_for_uid(self) -> bool:
        """Whether the agent still waits for an instance_uid of the server."""
        return self._asks_for_uid

    @property
    def description(self) -> pb.AgentDescription:
        """What the agent says of itself."""
        return description.description(self.settings.name, self.state.instance_uid, self.attributes)

    def begin_connection(self, *, has_new_settings: bool) -> None:
        """Prepare the full report that is the first message of a connection."""
        keeps_uid = self.behaviour.keeps_uid_with_new_settings or not has_new_settings
        if self._number and not (keeps_uid and self.behaviour.keeps_uid_on_reconnect):
            self._adopt(uuid6.uuid7().bytes)
        if self._number and not self.behaviour.keeps_given_uid_on_reconnect:
            self._adopt(self._own_uid)
        if not self.behaviour.counts_on_after_reconnect:
            self._number = 0
        self.status.report_all()

    def message(self) -> pb.AgentToServer:
        """Return the next message, with everything that has changed."""
        self._number += 1
        message = pb.AgentToServer(
            instance_uid=self.state.instance_uid, sequence_num=self._number, capabilities=self.capabilities
        )
        self.status.write(message, self._unsupported())
        if self._asks_for_uid:
            message.flags |= pb.AgentToServerFlags_RequestInstanceUid
        if self.echoes:
            message.custom_message.CopyFrom(self.echoes.popleft())
        if self._has_request:
            message.connection_settings_request.CopyFrom(self.requests.popleft())
        return self._sent(message)

    def goodbye(self) -> pb.AgentToServer:
        """Return the last message of a connection."""
        self._number += 1
        message = pb.AgentToServer(
            instance_uid=self.state.instance_uid, sequence_num=self._number, capabilities=self.capabilities
        )
        message.agent_disconnect.SetInParent()
        return self._sent(message)

    def not_delivered(self, message: pb.AgentToServer) -> None:
        """Note that the server has not taken a message."""
        self.status.report_again(message)
        if message.HasField("custom_message"):
            self.echoes.appendleft(message.custom_message)
        if message.HasField("connection_settings_request"):
            self.requests.appendleft(message.connection_settings_request)

    # ---- what the server sends

    def handle(self, original: pb.ServerToAgent) -> Reaction:
        """Process a message of the server."""
        message = self.behaviour.incoming(original)
        is_push, self._answers_due = self._answers_due == 0, max(0, self._answers_due - 1)
        if message.instance_uid and message.instance_uid not in (self.state.instance_uid, *self._former_uids):
            return Reaction()  # It is for another agent on the same connection.
        self._has_heard = True
        if message.capabilities or not self.behaviour.keeps_capabilities_if_zero:
            self._server_capabilities = message.capabilities
        if message.HasField("error_response"):
            return self._handle_error(message.error_response)
        can_restart = self._has("AcceptsRestartCommand") or not self.behaviour.needs_capability_to_restart
        is_restart = message.HasField("command") and message.command.type == pb.CommandType_Restart
        restart = is_restart and can_restart
        if message.HasField("command") and self.behaviour.applies_configuration_beside_command:
            self._apply(message.remote_config)
        if message.HasField("command") and self.behaviour.ignores_others_beside_command:
            return Reaction(restart=restart and self.behaviour.restarts)
        self._adopt(message.agent_identification.new_instance_uid)
        if message.flags & pb.ServerToAgentFlags_ReportFullState:
            self.status.report_all()
        if message.flags & pb.ServerToAgentFlags_ReportAvailableComponents:
            self._report_components()
        accepts_config = self._has("AcceptsRemoteConfig") or not self.behaviour.needs_capability_for_configuration
        if message.HasField("remote_config") and accepts_config:
            self._apply(message.remote_config)
        if self.behaviour.reports_after_each_push and is_push:
            self.report_health(self._error)
        if message.HasField("custom_message"):
            self._echo(message.custom_message)
        downloads: Sequence[Download] = ()
        accepts_packages = self._has("AcceptsPackages") or not self.behaviour.needs_capability_for_packages
        if message.HasField("packages_available") and accepts_packages:
            downloads = self.packages.take(message.packages_available)
            self.packages_changed()
        offer = self._take_settings(message.connection_settings) if message.HasField("connection_settings") else None
        self.save()
        return Reaction(offer=offer, downloads=downloads, restart=restart and self.behaviour.restarts)

    # ---- what happens in the agent

    def report_health(self, error: str) -> None:
        """Take a new health: not healthy with an error, or healthy with an empty one."""
        self._error = error
        self.status.set("health", description.health(self._started_at, error))

    def describe(self, attributes: Mapping[str, str]) -> None:
        """Take more non-identifying attributes."""
        self.attributes |= attributes
        self._describe()

    def request_certificate(self) -> None:
        """Ask the server for a client certificate, with a new key (csr.client-sends)."""
        from opamp_mock_agent.certificates import new_request  # noqa: PLC0415 - it takes long to load

        request, self.state.certificate_key = new_request(self.state.instance_uid)
        self.requests.append(request)
        self.save()

    def restarted(self) -> None:
        """Begin anew, as a process that was just started."""
        self._started_at = time.time_ns()
        self.status = Status()
        self._describe()

    def packages_changed(self) -> None:
        """Report the packages, and keep them."""
        if self._has("ReportsPackageStatuses"):
            self.status.set("package_statuses", self.packages.statuses)
        self.save()

    @property
    def heartbeat_seconds(self) -> float:
        """The interval of heartbeats, 0 if the server has turned them off."""
        offered = self.state.heartbeat
        if offered is not None and not self.behaviour.uses_offered_heartbeat:
            return POLL_SECONDS
        if offered is None or (offered == 0 and not self.behaviour.stops_heartbeats):
            return self.settings.poll_seconds
        return offered

    def settings_status(
        self, offer: pb.ConnectionSettingsOffers, status: pb.ConnectionSettingsStatuses, error: str = ""
    ) -> None:
        """Report what has become of an offer of settings."""
        if self._has("ReportsConnectionSettingsStatus"):
            self.state.settings_status.CopyFrom(status_of(offer, status, error))
            self.status.set("connection_settings_status", self.state.settings_status)
        self.save()

    def save(self) -> None:
        """Write what has to outlive the process."""
        kept = self.state
        if not self.behaviour.saves_uid or not self.behaviour.saves_settings:
            kept = replace(self.state)
            kept.instance_uid = kept.instance_uid if self.behaviour.saves_uid else b""
            kept.settings = kept.settings if self.behaviour.saves_settings else pb.OpAMPConnectionSettings()
        save_state(self.settings.state, kept)

    # ---- inside

    def _sent(self, message: pb.AgentToServer) -> pb.AgentToServer:
        self._answers_due = min(1, self._answers_due + 1)
        changed = self.behaviour.outgoing(message, tuple(self._last))
        self._last.append(changed)
        return changed

    def _has(self, capability: str) -> bool:
        return bool(self.capabilities & pb.AgentCapabilities.Value(f"AgentCapabilities_{capability}"))

    def _unsupported(self) -> frozenset[str]:
        """Return the parts that the server does not accept, as soon as it has announced what it accepts."""
        announced = self._server_capabilities
        is_unspecified = not announced and self.behaviour.keeps_capabilities_if_zero
        if is_unspecified or not self._has_heard or not self.behaviour.stops_unsupported:
            return frozenset()
        needed = {
            "effective_config": pb.ServerCapabilities_AcceptsEffectiveConfig,
            "package_statuses": pb.ServerCapabilities_AcceptsPackagesStatus,
        }
        return frozenset(
            part for part, bit in needed.items() if not announced & bit and part not in self.behaviour.always_reported
        )

    @property
    def _has_request(self) -> bool:
        """Whether there is a request for settings that the server accepts, as far as it has announced anything."""
        announced = self._server_capabilities
        is_accepted = not announced or bool(announced & pb.ServerCapabilities_AcceptsConnectionSettingsRequest)
        return bool(self.requests) and (is_accepted or not self.behaviour.stops_requests)

    def _describe(self) -> None:
        """Set every part of the status that the agent has."""
        self.status.set("agent_description", self.description)
        if self._has("ReportsHealth"):
            self.report_health(self._error)
        if self._has("ReportsEffectiveConfig"):
            self.status.set("effective_config", effective_config(self.settings.config, self.state.remote_config))
        if self._has("ReportsRemoteConfig"):
            self.status.set("remote_config_status", self.state.remote_config_status)
        if self._has("ReportsConnectionSettingsStatus") and self.state.settings_status.ByteSize():
            self.status.set("connection_settings_status", self.state.settings_status)
        if self._has("ReportsPackageStatuses") and self.state.package_statuses.ByteSize():
            self.status.set("package_statuses", self.state.package_statuses)
        if self._has("ReportsAvailableComponents"):
            self.status.set("available_components", description.components(with_map=False))
        self.status.set("custom_capabilities", pb.CustomCapabilities(capabilities=[description.ECHO_CAPABILITY]))

    def _adopt(self, new_uid: bytes) -> None:
        is_valid = len(new_uid) == INSTANCE_UID_BYTES or not self.behaviour.checks_given_uid
        if not is_valid or not any(new_uid):
            return
        if self.behaviour.adopts_once and self._former_uids:
            return
        self._former_uids.add(self.state.instance_uid)
        self.state.instance_uid = new_uid
        self._asks_for_uid = self._asks_for_uid and not self.behaviour.asks_for_uid_once
        if self.state.certificate_key and self.behaviour.repeats_certificate_request:
            self.request_certificate()  # The certificate names the old instance_uid (csr.uid-change-repeat-flow).
        self._describe()

    def _report_components(self) -> None:
        if self._has("ReportsAvailableComponents") and self.behaviour.answers_flag_for_components:
            self.status.report_once("available_components", description.components(with_map=True))

    def _apply(self, offer: pb.AgentRemoteConfig) -> None:
        is_same = offer.config_hash == self.state.remote_config_status.last_remote_config_hash
        if is_same and self.behaviour.skips_same_configuration:
            return
        has_failed = self.state.remote_config_status.status == pb.RemoteConfigStatuses_FAILED
        if has_failed and not self.behaviour.takes_configuration_after_failure:
            return
        if self.behaviour.compares_content and offer.config == self.state.remote_config.config:
            return
        if time.monotonic() < self._applied_at + self.behaviour.seconds_to_apply:
            return
        self._applied_at = time.monotonic()
        problem, self.next_config_problem = self.next_config_problem, ""
        if not self.behaviour.applies_configuration:
            return
        if not problem:
            self.state.remote_config.CopyFrom(offer)
        self.state.remote_config_status.CopyFrom(applied(offer, problem))
        if self._has("ReportsEffectiveConfig"):
            self.status.set("effective_config", effective_config(self.settings.config, self.state.remote_config))
        if self._has("ReportsRemoteConfig") or not self.behaviour.needs_capability_for_configuration:
            self.status.set("remote_config_status", self.state.remote_config_status)
        if is_same:
            self.status.report("remote_config_status")

    def _echo(self, message: pb.CustomMessage) -> None:
        if message.capability == description.ECHO_CAPABILITY:
            self.echoes.append(message)

    def _take_settings(self, offer: pb.ConnectionSettingsOffers) -> pb.ConnectionSettingsOffers | None:
        """Take telemetry settings at once, and return an offer of OpAMP settings, which have to be tried first."""
        if offer.hash and offer.hash == self.state.settings_status.last_connection_settings_hash:
            return None
        has_failed = self.state.settings_status.status == pb.ConnectionSettingsStatuses_FAILED
        if has_failed and not self.behaviour.takes_settings_after_failure:
            return None
        for signal in ("metrics", "traces", "logs"):
            name = f"own_{signal}"
            if not self.behaviour.keeps_telemetry:
                self.state.telemetry.ClearField(name)
            can_send = (
                self._has(f"ReportsOwn{signal.capitalize()}") or not self.behaviour.needs_capability_for_telemetry
            )
            if offer.HasField(name) and can_send:
                offered, kept = getattr(offer, name), getattr(self.state.telemetry, name)
                if not self.behaviour.forgets_telemetry_certificate and not offered.HasField("certificate"):
                    offered.certificate.CopyFrom(kept.certificate)
                kept.CopyFrom(offered)
        if not offer.HasField("opamp") and not self.behaviour.keeps_headers_if_unset:
            self.state.settings.ClearField("headers")
        accepts_settings = (
            self._has("AcceptsOpAMPConnectionSettings") or not self.behaviour.needs_capability_for_settings
        )
        if not offer.HasField("opamp") or not accepts_settings:
            if not self.behaviour.reports_telemetry_status:
                return None
            self.settings_status(offer, pb.ConnectionSettingsStatuses_APPLIED)
            return None
        certificate = offer.opamp.certificate
        if certificate.cert and not certificate.private_key and self.behaviour.uses_own_key:
            certificate.private_key = self.state.certificate_key
        if needs_connection(offer.opamp):
            return offer
        self.state.heartbeat = offer.opamp.heartbeat_interval_seconds
        self.settings_status(offer, pb.ConnectionSettingsStatuses_APPLIED)
        return None

    def _handle_error(self, error: pb.ServerErrorResponse) -> Reaction:
        last = self._last[-1] if self._last else pb.AgentToServer()
        if error.type in _NO_RETRY:
            if self.behaviour.repeats_after_error:
                self.not_delivered(last)
            return Reaction()
        self.not_delivered(last)
        nanoseconds = error.retry_info.retry_after_nanoseconds if self.behaviour.obeys_retry_info else 0
        return Reaction(wait=nanoseconds / 1e9)
