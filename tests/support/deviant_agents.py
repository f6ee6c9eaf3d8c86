"""Agents that break one requirement each, as the conversations that show it."""

from collections.abc import Callable

from opamp_agent_checks import Received, Severity
from opamp_proto import opamp_pb2 as pb
from support.agent_script import WEBSOCKET, Script
from support.deviant_behaviour import (
    after_begin,
    asks_for_a_certificate_in_vain,
    compressed_first,
    drops_after_leaving,
    full_state_without_custom_capabilities,
    full_state_without_health,
    heartbeats,
    ignores_full_state,
    ignores_server_capabilities,
    impatient,
    impatient_on_another_connection,
    impatient_over_http,
    keeps_old_uid,
    late_full_state,
    leaves_without_a_word,
    loop,
    no_hash,
    no_settings_hash,
    refused_again_and_again,
    repeats,
    returns_to_old_uid,
    talks_after_leaving,
    tries_again,
    two_connections,
    two_requests,
    wrong_hash,
    wrong_settings_hash,
)
from support.deviant_messages import (
    applied_with_error,
    backwards,
    bare_custom_capability,
    changed,
    components_without_bit,
    components_without_hash,
    custom_message,
    effective_config,
    empty_settings_request,
    empty_uid_with_flag,
    gap,
    http_request,
    no_capabilities,
    no_reports_status,
    no_uid,
    on_the_next_connection,
    package,
    repeated,
    settings_request_without_csr,
    settings_with_error,
    uid_length,
    undefined_bit,
    unhealthy,
    unhealthy_component,
    unreadable_body,
)

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
