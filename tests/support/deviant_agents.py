"""Agents that break one requirement each, as the conversations that show it."""

from collections.abc import Callable

from opamp_agent_checks import HttpRequestFacts, Received, Severity
from opamp_proto import CONTENT_TYPE, uuid_text
from opamp_proto import opamp_pb2 as pb
from support.agent_script import CONFIG, WEBSOCKET, Script, begin, unavailable


def uid_length() -> Script:
    script = Script()
    message = script.agent.full_status()
    message.instance_uid = b"short"
    script.say(message)
    return script


def no_uid() -> Script:
    script = Script()
    message = script.agent.full_status()
    message.instance_uid = b""
    script.say(message)
    return script


def empty_uid_with_flag() -> Script:
    script = Script()
    message = script.agent.full_status(flags=int(pb.AgentToServerFlags_RequestInstanceUid))
    message.instance_uid = b""
    script.say(message)
    return script


def changed(change: Callable[[pb.AgentToServer], object], *, http: bool = False) -> Callable[[], Script]:
    """Make an agent whose check-in after its full report is changed."""

    def play() -> Script:
        script = begin(http=http)
        message = script.agent.check_in()
        change(message)
        script.say(message)
        return script

    return play


def undefined_bit(message: pb.AgentToServer) -> None:
    message.capabilities |= 1 << 40


def no_capabilities(message: pb.AgentToServer) -> None:
    message.capabilities = 0


def no_reports_status(message: pb.AgentToServer) -> None:
    message.capabilities = int(pb.AgentCapabilities_AcceptsRemoteConfig)


def effective_config(message: pb.AgentToServer) -> None:
    message.effective_config.config_map.config_map[""].body = b"x"


def components_without_bit(message: pb.AgentToServer) -> None:
    message.available_components.hash = b"x"


def components_without_hash(message: pb.AgentToServer) -> None:
    message.capabilities |= int(pb.AgentCapabilities_ReportsAvailableComponents)
    message.available_components.components["receiver"].SetInParent()


def unhealthy(message: pb.AgentToServer) -> None:
    message.health.healthy = False


def unhealthy_component(message: pb.AgentToServer) -> None:
    message.health.healthy = True
    message.health.component_health_map["pipelines"].component_health_map["traces"].healthy = False
    message.health.component_health_map["pipelines"].healthy = True


def applied_with_error(message: pb.AgentToServer) -> None:
    message.remote_config_status.status = pb.RemoteConfigStatuses_APPLIED
    message.remote_config_status.error_message = "e"


def settings_with_error(message: pb.AgentToServer) -> None:
    message.connection_settings_status.status = pb.ConnectionSettingsStatuses_APPLIED
    message.connection_settings_status.error_message = "e"


def bare_custom_capability(message: pb.AgentToServer) -> None:
    message.custom_capabilities.capabilities.extend(["org.example/echo/v1", "echo/v1"])


def package(**fields: object) -> Callable[[pb.AgentToServer], None]:
    def change(message: pb.AgentToServer) -> None:
        whole = {"name": "p", "server_offered_hash": b"h", **fields}
        message.package_statuses.packages["p"].CopyFrom(pb.PackageStatus(**whole))  # type: ignore[arg-type]

    return change


def empty_settings_request(message: pb.AgentToServer) -> None:
    message.connection_settings_request.SetInParent()


def settings_request_without_csr(message: pb.AgentToServer) -> None:
    message.connection_settings_request.opamp.SetInParent()


def gap(message: pb.AgentToServer) -> None:
    message.sequence_num += 1


def repeated(message: pb.AgentToServer) -> None:
    message.sequence_num -= 1


def backwards() -> Script:
    script = begin()
    script.say(script.agent.check_in())
    message = script.agent.check_in()
    message.sequence_num -= 2
    script.say(message)
    return script


def on_the_next_connection(number: int, *, closes: bool = True) -> Callable[[], Script]:
    """Make an agent whose first number on its second WebSocket is wrong, after 1 to 4 on the first one."""

    def play() -> Script:
        script = begin()
        for _ in range(2):
            script.say(script.agent.check_in())
        script.say(script.agent.disconnect())
        script.close(by_agent=closes, has_close_frame=closes)
        message = script.agent.check_in()
        message.sequence_num = number
        script.say(message, connection=2)
        return script

    return play


def never_moves() -> Script:
    script = Script()
    for number in range(5):
        message = script.agent.full_status() if number == 0 else script.agent.check_in()
        message.sequence_num = 0
        message.health.healthy = True
        message.health.status = str(number)
        script.say(message)
    return script


def custom_message(message: pb.AgentToServer) -> None:
    message.custom_message.capability = "io.example.unknown"


def http_request(**facts: str | None) -> Callable[[], Script]:
    def play() -> Script:
        script = begin(http=True)
        message = script.agent.check_in()
        uid = uuid_text(message.instance_uid)
        own: dict[str, str | None] = {"method": "POST", "content_type": CONTENT_TYPE, "instance_uid": uid, **facts}
        script.say(message, facts=HttpRequestFacts(**own))  # type: ignore[arg-type]
        return script

    return play


def unreadable_body() -> Script:
    script = begin(http=True)
    facts = HttpRequestFacts("POST", CONTENT_TYPE, uuid_text(script.agent.instance_uid))
    script.judge.received(Received(script.now + 10, 1, b"\xff\xff", None, facts))
    return script


def compressed_first() -> Script:
    script = Script()
    script.say(script.agent.check_in())
    return script


def ignores_full_state() -> Script:
    script = begin()
    script.say(script.agent.check_in(), pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState)))
    script.say(script.agent.check_in())
    script.say(script.agent.check_in())
    return script


def late_full_state() -> Script:
    script = begin()
    script.say(script.agent.check_in(), pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState)))
    script.say(script.agent.check_in())
    script.say(script.agent.full_status())
    return script


def full_state_without_health() -> Script:
    script = begin()
    script.say(script.agent.check_in(), pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState)))
    message = script.agent.full_status()
    message.ClearField("health")
    script.say(message)
    return script


def full_state_without_custom_capabilities() -> Script:
    script = Script()
    first = script.agent.full_status()
    first.custom_capabilities.capabilities.append("io.example")
    script.say(first, pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState)))
    script.say(script.agent.full_status())
    return script


def repeats(part: str) -> Callable[[], Script]:
    def play() -> Script:
        script = Script()
        first = script.agent.full_status()
        first.capabilities |= int(pb.AgentCapabilities_ReportsEffectiveConfig)
        first.effective_config.config_map.config_map[""].body = b"x"
        first.remote_config_status.status = pb.RemoteConfigStatuses_UNSET
        first.package_statuses.server_provided_all_packages_hash = b"p"
        first.connection_settings_status.status = pb.ConnectionSettingsStatuses_UNSET
        first.custom_capabilities.capabilities.append("io.example")
        script.say(first)
        again = script.agent.check_in()
        again.capabilities = first.capabilities
        getattr(again, part).CopyFrom(getattr(first, part))
        script.say(again)
        return script

    return play


def loop() -> Script:
    script = begin()
    for _ in range(8):
        script.say(script.agent.check_in(), after=0.05)
    return script


def heartbeats(seconds: float, *, http: bool) -> Callable[[], Script]:
    """Make an agent that has accepted an interval of 30 seconds, and sends heartbeats at another one."""

    def play() -> Script:
        script = begin(http=http)
        offer = pb.ServerToAgent(instance_uid=script.agent.instance_uid)
        offer.connection_settings.hash = b"h"
        offer.connection_settings.opamp.heartbeat_interval_seconds = 30
        script.say(script.agent.check_in(), offer)
        message = script.agent.check_in()
        message.capabilities |= int(pb.AgentCapabilities_ReportsHeartbeat)
        message.connection_settings_status.status = pb.ConnectionSettingsStatuses_APPLIED
        message.connection_settings_status.last_connection_settings_hash = b"h"
        script.say(message)
        for _ in range(30):
            script.say(script.agent.check_in(), after=seconds)
        return script

    return play


def keeps_old_uid(*, http: bool) -> Callable[[], Script]:
    def play() -> Script:
        script = begin(http=http)
        new = pb.ServerToAgent(instance_uid=script.agent.instance_uid)
        new.agent_identification.new_instance_uid = bytes(range(16))
        script.say(script.agent.check_in(), new)
        script.say(script.agent.check_in())
        return script

    return play


def returns_to_old_uid(*, http: bool) -> Callable[[], Script]:
    def play() -> Script:
        script = begin(http=http)
        old, new = script.agent.instance_uid, pb.ServerToAgent(instance_uid=script.agent.instance_uid)
        new.agent_identification.new_instance_uid = bytes(range(16))
        script.say(script.agent.check_in(), new)
        script.agent.instance_uid = bytes(range(16))
        script.say(script.agent.check_in())
        script.agent.instance_uid = old
        script.say(script.agent.check_in())
        return script

    return play


def talks_after_leaving() -> Script:
    script = begin()
    script.say(script.agent.disconnect())
    script.say(script.agent.check_in())
    return script


def leaves_without_a_word() -> Script:
    script = begin()
    script.close()
    return script


def drops_after_leaving() -> Script:
    script = begin()
    script.say(script.agent.disconnect())
    script.close(has_close_frame=False)
    return script


def impatient() -> Script:
    script = begin()
    script.say(script.agent.check_in(), unavailable(30))
    script.say(script.agent.check_in(), after=3)
    return script


def impatient_on_another_connection() -> Script:
    script = begin()
    script.say(script.agent.check_in(), unavailable(30))
    script.close(by_agent=False)
    script.say(script.agent.check_in(), connection=2, after=3)
    return script


def impatient_over_http() -> Script:
    script = begin(http=True)
    facts = HttpRequestFacts("POST", CONTENT_TYPE, uuid_text(script.agent.instance_uid))
    script.judge.refused(Received(script.now, 1, b"", None, facts), 30.0)
    script.say(script.agent.check_in(), after=3)
    return script


def refused_again_and_again(seconds: Callable[[int], float], *, unread: bool) -> Callable[[], Script]:
    """Make an agent whose requests are refused with 503 twenty times; ``seconds`` are its waits."""

    def play() -> Script:
        script = begin(http=True)
        for number in range(20):
            script.refuse(after=seconds(number), unread=unread)
        return script

    return play


def tries_again() -> Script:
    script = begin()
    bad = pb.ServerToAgent()
    bad.error_response.type = pb.ServerErrorResponseType_BadRequest
    for healthy in (True, True):
        message = script.agent.check_in()
        message.health.healthy = healthy
        message.health.status = "again"
        script.say(message, bad)
    return script


def offered(*hashes: bytes) -> Script:
    script = Script()
    first = script.agent.full_status()
    first.remote_config_status.status = pb.RemoteConfigStatuses_UNSET
    script.say(first)
    for config_hash in hashes:
        offer = pb.ServerToAgent(instance_uid=script.agent.instance_uid)
        offer.remote_config.config_hash = config_hash
        script.push(offer)
    return script


def wrong_hash() -> Script:
    script = offered(CONFIG)
    script.agent.remote_config_hash = b"another"
    script.say(script.agent.remote_config_status(pb.RemoteConfigStatuses_APPLIED))
    return script


def no_hash() -> Script:
    script = offered(CONFIG)
    message = script.agent.check_in()
    message.remote_config_status.status = pb.RemoteConfigStatuses_FAILED
    script.say(message)
    return script


def settings_offered() -> Script:
    script = begin()
    offer = pb.ServerToAgent(instance_uid=script.agent.instance_uid)
    offer.connection_settings.hash = b"offered"
    script.push(offer)
    return script


def wrong_settings_hash() -> Script:
    script = settings_offered()
    message = script.agent.check_in()
    message.connection_settings_status.status = pb.ConnectionSettingsStatuses_APPLYING
    message.connection_settings_status.last_connection_settings_hash = b"offered"
    script.say(message)
    message = script.agent.check_in()
    message.connection_settings_status.status = pb.ConnectionSettingsStatuses_APPLIED
    message.connection_settings_status.last_connection_settings_hash = b"another"
    script.say(message)
    return script


def no_settings_hash() -> Script:
    script = settings_offered()
    message = script.agent.check_in()
    message.connection_settings_status.status = pb.ConnectionSettingsStatuses_APPLYING
    script.say(message)
    return script


def ignores_server_capabilities() -> Script:
    script = Script()
    announced = pb.ServerToAgent(capabilities=int(pb.ServerCapabilities_AcceptsStatus))
    script.say(script.agent.full_status(), announced)
    for body in (b"x", b"y"):
        message = script.agent.check_in()
        message.capabilities |= int(pb.AgentCapabilities_ReportsEffectiveConfig)
        message.effective_config.config_map.config_map[""].body = body
        script.say(message)
    return script


def asks_for_a_certificate_in_vain() -> Script:
    script = begin()
    script.say(script.agent.check_in(), pb.ServerToAgent(capabilities=int(pb.ServerCapabilities_AcceptsStatus)))
    message = script.agent.check_in()
    message.connection_settings_request.opamp.certificate_request.csr = b"request"
    script.say(message)
    return script


def two_requests() -> Script:
    script = begin(http=True)
    script.say(script.agent.check_in(), answered=False)
    script.say(script.agent.check_in(), after=0.5)
    return script


def two_connections() -> Script:
    script = begin()
    script.say(script.agent.check_in(), connection=2)
    script.say(script.agent.check_in(), connection=2)
    return script


def after_begin(play: Callable[[Script], None]) -> Callable[[], Script]:
    def whole() -> Script:
        script = begin()
        play(script)
        return script

    return whole


DEVIANT: dict[str, tuple[str, Severity, Callable[[], Script]]] = {}


def deviant(name: str, severity: Severity, play: Callable[[], Script]) -> None:
    DEVIANT[name] = (name.partition(":")[0], severity, play)


FAILURE, WARNING = Severity.FAILURE, Severity.WARNING
deviant("identification.instance-uid.length", FAILURE, uid_length)
deviant("identification.every-message.agent", FAILURE, no_uid)
deviant("identification.request-uid.temporary", WARNING, empty_uid_with_flag)
deviant("identification.new-instance-uid.adopt", FAILURE, keeps_old_uid(http=False))
deviant("identification.new-instance-uid.adopt:http", FAILURE, keeps_old_uid(http=True))
deviant("identification.new-instance-uid.adopt:returns", FAILURE, returns_to_old_uid(http=False))
deviant("identification.new-instance-uid.adopt:returns-http", FAILURE, returns_to_old_uid(http=True))
deviant("capabilities.agent.undefined-bits-zero", FAILURE, changed(undefined_bit))
deviant("capabilities.agent.always-set", WARNING, changed(no_capabilities))
deviant("capabilities.agent.reports-status-bit", WARNING, changed(no_reports_status))
deviant("effective-config.capability-set", FAILURE, changed(effective_config))
deviant("components.not-reported-if-incapable", WARNING, changed(components_without_bit))
deviant("components.hash-included", FAILURE, changed(components_without_hash))
deviant("health.last-error", WARNING, changed(unhealthy))
deviant("health.last-error:component", WARNING, changed(unhealthy_component))
deviant("remote-config.error-message", WARNING, changed(applied_with_error))
deviant("connection-status.error-message", WARNING, changed(settings_with_error))
deviant("custom.reverse-fqdn", WARNING, changed(bare_custom_capability))
deviant("package-status.key-equals-name", FAILURE, changed(package(name="q")))
installed = package(status=pb.PackageStatusEnum_Installed, error_message="e")
deviant("package-status.installed-no-error", FAILURE, changed(installed))
installing = package(status=pb.PackageStatusEnum_Installing, error_message="e")
deviant("package-status.installing-no-error", FAILURE, changed(installing))
downloading = package(status=pb.PackageStatusEnum_Downloading, error_message="e")
deviant("package-status.downloading-no-error", FAILURE, changed(downloading))
pending = package(status=pb.PackageStatusEnum_InstallPending, error_message="e")
deviant("package-status.error-message-only-if-erroneous", WARNING, changed(pending))
unknown_installing = package(status=pb.PackageStatusEnum_Installing, server_offered_hash=b"")
deviant("package-status.installing-hash", FAILURE, changed(unknown_installing))
unknown_failed = package(status=pb.PackageStatusEnum_InstallFailed, server_offered_hash=b"")
deviant("package-status.failed-hash", FAILURE, changed(unknown_failed))
unknown_downloading = package(status=pb.PackageStatusEnum_Downloading, server_offered_hash=b"")
deviant("package-status.downloading-hash", FAILURE, changed(unknown_downloading))
too_much = pb.PackageDownloadDetails(download_percent=150)
percent = package(status=pb.PackageStatusEnum_Downloading, download_details=too_much)
deviant("package-status.download-percent", FAILURE, changed(percent))
backward = pb.PackageDownloadDetails(download_bytes_per_second=-1)
rate = package(status=pb.PackageStatusEnum_Downloading, download_details=backward)
deviant("package-status.download-rate", FAILURE, changed(rate))
whole = pb.PackageDownloadDetails(download_percent=100)
late = package(status=pb.PackageStatusEnum_Installing, download_details=whole)
deviant("package-status.download-details-only-downloading", WARNING, changed(late))
deviant("csr.request-has-opamp", WARNING, changed(empty_settings_request))
deviant("csr.certificate-request-required", WARNING, changed(settings_request_without_csr))
deviant("sequence.increment:gap", WARNING, changed(gap))
deviant("sequence.increment:repeated", WARNING, changed(repeated))
deviant("sequence.increment:backwards", FAILURE, backwards)
deviant("sequence.increment:jump-after-close", WARNING, on_the_next_connection(99))
deviant("sequence.increment:jump-after-loss", WARNING, on_the_next_connection(99, closes=False))
deviant("sequence.increment:back-after-close", WARNING, on_the_next_connection(2))
deviant("sequence.increment:repeated-after-close", WARNING, on_the_next_connection(4))
deviant("custom.capability-matches", WARNING, changed(custom_message))
deviant("http.request-body", FAILURE, unreadable_body)
deviant("http.post", FAILURE, http_request(method="PUT"))
deviant("http.content-type", FAILURE, http_request(content_type="application/json"))
deviant("http.instance-uid-header", WARNING, http_request(instance_uid=None))
deviant("http.instance-uid-header:unreadable", WARNING, http_request(instance_uid="me"))
deviant("http.instance-uid-header:digits", WARNING, http_request(instance_uid="01" * 16))
deviant("http.instance-uid-header.equal", WARNING, http_request(instance_uid="01010101-0101-0101-0101-010101010101"))
deviant("http.one-request-in-flight", FAILURE, two_requests)
deviant("ws.binary-frames.agent", FAILURE, after_begin(lambda script: script.raw(b"hello", is_text=True)))
deviant(
    "ws.header.zero.agent",
    FAILURE,
    after_begin(
        lambda script: script.judge.received(
            Received(
                script.now + 1, WEBSOCKET, b"\x01" + (message := script.agent.check_in()).SerializeToString(), message
            )
        )
    ),
)
deviant("ws.layout.agent", FAILURE, after_begin(lambda script: script.raw(b"\0\xff\xff")))
deviant("status.first-report.is-first-message", FAILURE, compressed_first)
deviant("flags.report-full-state.agent", FAILURE, ignores_full_state)
deviant("flags.report-full-state.agent:late", WARNING, late_full_state)
deviant("flags.report-full-state.agent:part", WARNING, full_state_without_health)
deviant("flags.report-full-state.agent:custom-capabilities", WARNING, full_state_without_custom_capabilities)
for part in ("agent_description", "effective_config", "remote_config_status", "package_statuses"):
    deviant(f"compression.unset.{part.replace('_', '-')}", WARNING, repeats(part))
deviant("compression.unset.connection-settings-status", WARNING, repeats("connection_settings_status"))
deviant("custom.only-on-change", WARNING, repeats("custom_capabilities"))
deviant("status.no-report-without-change", FAILURE, loop)
deviant("heartbeat.count-from-last-message", WARNING, heartbeats(10, http=False))
deviant("heartbeat.count-from-last-message:http", WARNING, heartbeats(10, http=True))
deviant("disconnect.nothing-after", FAILURE, talks_after_leaving)
deviant("disconnect.ws-client-message-first", FAILURE, leaves_without_a_word)
deviant("disconnect.ws-client-close-frame", FAILURE, drops_after_leaving)
deviant("throttle.retry-after-ns", WARNING, impatient)
deviant("throttle.retry-after-ns:another connection", WARNING, impatient_on_another_connection)
deviant("throttle.http-retry-after-time", WARNING, impatient_over_http)
deviant("connection.backoff-jitter", WARNING, refused_again_and_again(lambda number: 0.3, unread=False))
deviant("connection.backoff-jitter:unread", WARNING, refused_again_and_again(lambda number: 0.3, unread=True))
deviant("bad-request.no-retry", WARNING, tries_again)
deviant("remote-config.last-hash", FAILURE, wrong_hash)
deviant("remote-config.last-hash:empty", WARNING, no_hash)
deviant("connection-status.last-hash", FAILURE, wrong_settings_hash)
deviant("connection-status.last-hash:empty", WARNING, no_settings_hash)
deviant("interop.agent-stops-unsupported", WARNING, ignores_server_capabilities)
deviant("interop.agent-stops-unsupported:request", WARNING, asks_for_a_certificate_in_vain)
deviant("duplicate.one-connection", WARNING, two_connections)
