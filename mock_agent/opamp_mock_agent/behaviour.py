"""The decisions of the agent that a deviation can change. Here, each follows the specification."""

import random
from collections.abc import Sequence
from typing import Final

from opamp_proto import opamp_pb2 as pb

_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 30.0


class Behaviour:
    """How the agent decides. A deviation is a subclass that decides one thing wrongly.

    The attributes answer the question whether the agent does something; the methods change what it sends, hears or
    waits for.
    """

    says_goodbye = True
    says_goodbye_at_end = True
    sends_close_frame = True
    answers_close_frame = True
    closes_before_reconnect = True
    keeps_uid_on_reconnect = True
    keeps_uid_with_new_settings = True
    keeps_given_uid_on_reconnect = True
    counts_on_after_reconnect = True
    adopts_once = False
    checks_given_uid = True
    asks_for_uid_once = True
    saves_uid = True
    saves_settings = True
    reports_applying = True
    verifies_settings = True
    takes_settings_after_failure = True
    verifies_certificates = True
    checks_hostname = True
    keeps_headers_if_unset = True
    uses_offered_ca = True
    trusts_ca_of_certificate = False
    skips_verification_if_asked = True
    obeys_min_version = True
    obeys_max_version = True
    obeys_cipher_suites = True
    uses_offered_certificate = True
    uses_own_key = True
    repeats_certificate_request = True
    uses_offered_proxy = True
    sends_proxy_headers = True
    uses_offered_headers = True
    uses_offered_heartbeat = True
    sends_heartbeats = True
    counts_from_last_message = True
    connections = 1
    stops_heartbeats = True
    sends_heartbeats_after_loss = True
    claims_applied = False
    obeys_retry_info = True
    obeys_retry_after = True
    repeats_after_error = False
    repeats_too_large = False
    survives_garbage = True
    checks_header = True
    answers_pings = True
    reads_fragments = True
    accepts_empty_messages = True
    decompresses = True
    reads_dates = True
    waits_for_response = True
    reports_after_each_push = False
    ignores_others_beside_command = True
    applies_configuration_beside_command = False
    needs_capability_to_restart = True
    restarts = True
    keeps_capabilities_if_zero = True
    stops_unsupported = True
    stops_requests = True
    always_reported: Sequence[str] = ()
    skips_same_package_set = True
    skips_same_package = True
    skips_same_file = True
    updates_packages = True
    takes_older_packages = True
    goes_on_after_failure = True
    compares_package_hashes = True
    deletes_packages = True
    downloads_packages = True
    installs_packages = True
    sends_download_headers = True
    download_method = "GET"
    answers_flag_for_components = True
    applies_configuration = True
    skips_same_configuration = True
    compares_content = False
    takes_configuration_after_failure = True
    seconds_to_apply = 0.0
    needs_capability_for_configuration = True
    needs_capability_for_settings = True
    needs_capability_for_packages = True
    needs_capability_for_telemetry = True
    sends_telemetry = True
    telemetry_signals: Sequence[str] = ("metrics", "traces", "logs")
    shows_certificate_with_telemetry = True
    forgets_telemetry_certificate = True
    signals_with_headers: Sequence[str] = ("metrics", "traces", "logs")
    uses_telemetry_proxy = True
    repeats_telemetry = True
    unit_of_cpu_time = "s"
    keeps_telemetry = True
    reports_telemetry_status = True

    def outgoing(self, message: pb.AgentToServer, earlier: Sequence[pb.AgentToServer]) -> pb.AgentToServer:
        """Change a message before it is sent. ``earlier`` are the last messages of this run, the oldest first."""
        return message

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        """Change a message before it is processed. The message is nobody else's."""
        return message

    def http_headers(self, headers: dict[str, str]) -> dict[str, str]:
        """Change the headers of a request."""
        return headers

    def websocket_message(self, data: bytes) -> bytes | str:
        """Change a WebSocket message with its header."""
        return data

    def resource(self, attributes: dict[str, str]) -> dict[str, str]:
        """Change the attributes of the Resource of the agent's own telemetry."""
        return attributes

    def merged_settings(
        self, own: pb.OpAMPConnectionSettings, offer: pb.OpAMPConnectionSettings, merged: pb.OpAMPConnectionSettings
    ) -> pb.OpAMPConnectionSettings:
        """Change the settings that an offer leads to. ``own`` are the settings until then."""
        return merged

    def settings_after_loss(self, given: pb.OpAMPConnectionSettings) -> pb.OpAMPConnectionSettings:
        """Change the settings that the agent connects with after it has lost a connection."""
        return given

    def new_instance_uid(self, own: bytes) -> bytes:
        """Change the instance_uid that the agent makes for itself."""
        return own

    def reverts_after(self, *, was_refused: bool) -> bool:
        """Return whether the agent gives up offered settings after a failure, or after a refusal of the server."""
        return True

    def wait_before_retry(self, attempt: int) -> float:
        """Return how long to wait before an attempt to connect, in seconds; the first attempt is 0.

        Backoff is exponential with jitter (connection.backoff-jitter). The first attempt after a broken connection
        comes at once (reconnect.immediately).
        """
        if attempt == 0:
            return 0.0
        most = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** (attempt - 1))
        return random.uniform(most / 2, most)  # noqa: S311 - no secret
