"""A conversation of an agent with a server, for the judge of agents: events one after the other, without I/O."""

from opamp_agent_checks import AgentJudge, Closed, HttpRequestFacts, Received, Sent, Severity
from opamp_conformance.client.agent import Agent
from opamp_proto import CONTENT_TYPE, uuid_text
from opamp_proto import opamp_pb2 as pb

WEBSOCKET = 1
CONFIG = b"the hash of a configuration"


class Script:
    """An agent and a server that talk to each other, over WebSocket or HTTP; time passes by one second per message."""

    def __init__(self, *, http: bool = False) -> None:
        self.judge = AgentJudge()
        self.agent = Agent("test")
        self.now = 100.0
        self._http = http
        self._requests = 1000

    def say(
        self,
        message: pb.AgentToServer,
        reply: pb.ServerToAgent | None = None,
        *,
        connection: int = WEBSOCKET,
        after: float = 10.0,
        facts: HttpRequestFacts | None = None,
        answered: bool = True,
    ) -> None:
        """Let the agent send a message, and the server acknowledge it, or answer otherwise."""
        self.now += after
        data = message.SerializeToString()
        uid = uuid_text(message.instance_uid)
        if self._http:
            self._requests += 1
            own = facts or HttpRequestFacts("POST", CONTENT_TYPE, uid)
            self.judge.received(Received(self.now, self._requests, data, message, own))
            connection = self._requests
        else:
            self.judge.received(Received(self.now, connection, b"\0" + data, message))
        if answered:
            answer = reply or pb.ServerToAgent(instance_uid=message.instance_uid)
            self.judge.sent(Sent(self.now + 0.01, connection, answer, 200 if self._http else None))

    def refuse(self, *, after: float, unread: bool) -> None:
        """Let the agent send a message over HTTP, and refuse it with 503: before its body is read, or after it."""
        self.now += after
        self._requests += 1
        message = self.agent.check_in()
        facts = HttpRequestFacts("POST", CONTENT_TYPE, uuid_text(message.instance_uid))
        if unread:
            self.judge.refused(Received(self.now, self._requests, b"", None, facts), None)
            return
        self.judge.received(Received(self.now, self._requests, message.SerializeToString(), message, facts))
        self.judge.sent(Sent(self.now, self._requests, None, 503))

    def push(self, message: pb.ServerToAgent) -> None:
        self.judge.sent(Sent(self.now + 0.02, WEBSOCKET, message, is_answer=False))

    def raw(self, data: bytes, *, is_text: bool = False) -> None:
        self.judge.received(Received(self.now, WEBSOCKET, data, None, is_text=is_text))

    def close(self, *, by_agent: bool = True, has_close_frame: bool = True) -> None:
        self.judge.closed(Closed(self.now, WEBSOCKET, by_agent, has_close_frame))

    @property
    def found(self) -> dict[str, Severity]:
        return {finding.requirement: finding.severity for finding in self.judge.findings}


def begin(*, http: bool = False) -> Script:
    script = Script(http=http)
    script.say(script.agent.full_status())
    return script


def unavailable(seconds: int) -> pb.ServerToAgent:
    wait = pb.ServerToAgent()
    wait.error_response.type = pb.ServerErrorResponseType_Unavailable
    wait.error_response.retry_info.retry_after_nanoseconds = seconds * 1_000_000_000
    return wait
