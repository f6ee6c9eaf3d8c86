"""Conversations in which an agent breaks a requirement by what it does after a message of the server."""

from collections.abc import Callable

from opamp_agent_checks import HttpRequestFacts, Received
from opamp_proto import CONTENT_TYPE, uuid_text
from opamp_proto import opamp_pb2 as pb
from support.agent_script import CONFIG, Script, begin, unavailable


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
