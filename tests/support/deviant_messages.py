"""Conversations in which one message of an agent breaks a requirement."""

from collections.abc import Callable

from opamp_agent_checks import HttpRequestFacts, Received
from opamp_proto import CONTENT_TYPE, uuid_text
from opamp_proto import opamp_pb2 as pb
from support.agent_script import Script, begin


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
