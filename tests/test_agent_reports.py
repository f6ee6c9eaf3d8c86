"""What counts as news in the messages of an agent, and what as its habit."""

from opamp_conformance.actions.agent_side.reported import has_news, repeated_parts
from opamp_conformance.scripted_server.records import MessageReceived, Opened, Record, ReplySent
from opamp_conformance.scripted_server.replies import Reply
from opamp_conformance.wire.transport import Transport
from opamp_proto import opamp_pb2 as pb


def report(health_at: int = 1, healthy: bool = True, *, described: bool = True) -> pb.AgentToServer:
    health = pb.ComponentHealth(healthy=healthy, status_time_unix_nano=health_at)
    message = pb.AgentToServer(sequence_num=7, health=health)
    if described:
        message.agent_description.SetInParent()
    return message


def numbered(sequence_num: int) -> pb.AgentToServer:
    message = report()
    message.sequence_num = sequence_num
    return message


def received(message: pb.AgentToServer, connection: int = 1) -> Record:
    return MessageReceived(0.0, connection, Transport.WEBSOCKET, "/", {}, message, b"", False)


def asked() -> Record:
    message = pb.ServerToAgent(flags=int(pb.ServerToAgentFlags_ReportFullState))
    return ReplySent(0.0, 1, Reply(message), message, b"")


def opened(connection: int) -> Record:
    return Opened(0.0, connection, "/", {}, 101, False)


def test_the_time_of_a_health_is_no_news_and_another_health_is() -> None:
    assert not has_news(report(health_at=2), [report(health_at=1)])
    assert has_news(report(healthy=False), [report()])
    assert not has_news(pb.AgentToServer(), [report()])


def offered() -> Record:
    message = pb.ServerToAgent()
    message.connection_settings.opamp.destination_endpoint = "http://127.0.0.1:1"
    return ReplySent(0.0, 1, Reply(message), message, b"")


def test_a_report_with_new_settings_or_after_a_start_is_no_habit() -> None:
    first, again = received(numbered(1)), received(numbered(5))
    assert repeated_parts([first, again]) == {"agent_description", "health"}
    assert repeated_parts([first, offered(), again, received(numbered(6))]) == set()
    assert repeated_parts([first, received(numbered(1))]) == set()
    assert repeated_parts([first, offered(), again, again, again]) == {"agent_description", "health"}


def test_what_an_agent_sends_again_unasked_is_its_habit() -> None:
    first = [opened(1), received(report())]
    assert repeated_parts([*first, received(report(2, described=False))]) == {"health"}
    assert repeated_parts([*first, received(report(healthy=False, described=False))]) == set()


def test_what_is_asked_for_or_begins_a_connection_is_no_habit() -> None:
    first = [opened(1), received(report())]
    assert repeated_parts([*first, asked(), received(report())]) == set()
    assert repeated_parts([*first, opened(2), received(report(), 2)]) == set()
    assert repeated_parts([*first, asked(), received(report()), received(report())]) == {"agent_description", "health"}
