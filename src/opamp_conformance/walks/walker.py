"""Goes a walk: it lets the agents do the steps, and returns what the server's messages break."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Final

from opamp_conformance.assertions import connections as assert_connections
from opamp_conformance.assertions import websocket as assert_websocket
from opamp_conformance.checks.findings import Findings
from opamp_conformance.client.agent import EVERY_CAPABILITY, Agent
from opamp_conformance.client.client import Client
from opamp_conformance.client.run_log import RunLog
from opamp_conformance.errors import PreconditionFailedError, Violation, ViolationError
from opamp_conformance.walks.certificate_requests import CERTIFICATE_REQUESTS, issued
from opamp_conformance.walks.odd_requests import OVER_HTTP, OVER_WEBSOCKET, Assertions, Request
from opamp_conformance.walks.participant import CHANGES, MESSAGES, Participant
from opamp_conformance.walks.steps import Action, Form, Step, Walk
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest
from opamp_conformance.wire.transport import Transport
from opamp_conformance.wire.websocket import WebSocketMessage
from opamp_proto import opamp_pb2 as pb

_ANSWER: Final = "response.must-respond"
_IN_A_ROW: Final = 3
_OTHERS: Final = 2
# With these codes, a server ends a connection although its client has done nothing wrong (RFC 6455, section 7.4.1).
_ORDERLY_CODES: Final = (1000, 1001, 1012, 1013)
# In this time a server usually notices the end of a connection. Walks are many, so they wait less than scenarios.
_NOTICE_SECONDS: Final = 0.02


class Walker:
    """Goes walks with fresh agents, over the transports that the server serves."""

    def __init__(
        self, clients: Mapping[Transport, Client], log: RunLog, run_id: str, contracts: Collection[str]
    ) -> None:
        """The clients share the log."""
        self._clients = clients
        self._log = log
        self._run_id = run_id
        self._contracts = contracts
        self.actions: Mapping[Action, Callable[[Participant, Form], None]] = {
            Action.CLOSE: self._close,
            Action.BREAK: self._break,
            Action.CHANGE_TRANSPORT: self._change_transport,
            Action.CLONE: self._clone,
            Action.CHECK_IN_WITH_OTHERS: self._check_in_meanwhile,
            Action.CHECK_IN_IN_A_ROW: self._check_in_in_a_row,
            Action.PING: self._ping,
        }

    def go(self, walk: Walk) -> Findings:
        """Do the steps, and return the findings; raises an error if the server answers nobody, or is too busy."""
        self._log.findings = Findings(self._contracts)
        self._log.exchanges.clear()
        self._participants = self._gather()
        for step in walk:
            self._do(self._participants[step.agent - 1], step)
        for client in self._clients.values():
            client.close_websockets()
        return self.findings

    @property
    def findings(self) -> Findings:
        """What the last walk has found so far."""
        return self._log.findings

    @property
    def messages(self) -> int:
        """How many messages the last walk had."""
        return len(self._log.exchanges)

    def _gather(self) -> list[Participant]:
        first, *_, last = [*self._clients, *self._clients]
        second = Participant(self._run_id, last)
        return [Participant(self._run_id, first), second, Participant(self._run_id, last, second.connection_id)]

    def _do(self, participant: Participant, step: Step) -> None:
        odd = (OVER_HTTP if participant.transport is Transport.HTTP else OVER_WEBSOCKET).get(step.action)
        if step.action in CHANGES:
            CHANGES[step.action](participant)
        elif step.action in MESSAGES:
            self._send(participant, MESSAGES[step.action](participant), step.form)
        elif step.action in CERTIFICATE_REQUESTS:
            self._request_certificate(participant, step)
        elif step.action in self.actions:
            self.actions[step.action](participant, step.form)
        elif odd is not None:  # The other transport has no such request.
            self._deliver(participant, odd.make(participant), odd.assertions)

    # ---- messages

    def _send(self, participant: Participant, message: pb.AgentToServer, form: Form) -> None:
        request = self._clients[participant.transport].request(message, participant.connection_id)
        self._deliver(participant, _formed(request, form))

    def _deliver(self, participant: Participant, request: Request, assertions: Assertions | None = None) -> None:
        client = self._clients[participant.transport]
        exchange = client.deliver(request)
        participant.hear(exchange)
        if assertions is None:
            self._judge_silence(client, exchange)
            return
        for requirement, assertion in assertions.items():
            self._judge(requirement, partial(assertion, exchange), exchange)

    def _check_in_meanwhile(self, participant: Participant, form: Form) -> None:
        """Let the agent check in in two parts, and new agents report between them."""
        client, others = self._clients[participant.transport], [Agent(self._run_id) for _ in range(_OTHERS)]
        own = client.request(participant.agent.check_in(), participant.connection_id)
        requests = [_formed(own, Form.CHUNKS), *(client.request(other.full_status()) for other in others)]
        first, *rest = client.deliver_at_once(requests)
        participant.hear(first)
        for exchange in (first, *rest):
            self._judge_silence(client, exchange)

    def _check_in_in_a_row(self, participant: Participant, form: Form) -> None:
        if participant.transport is Transport.HTTP:
            return
        client = self._clients[participant.transport]
        requests = [client.request(participant.agent.check_in(), participant.connection_id) for _ in range(_IN_A_ROW)]
        for exchange in client.deliver_in_a_row([one for one in requests if isinstance(one, WebSocketMessage)]):
            self._judge_silence(client, exchange)
            participant.hear(exchange)

    def _clone(self, participant: Participant, form: Form) -> None:
        client, clone = self._clients[participant.transport], participant.agent.clone()
        request = client.request(clone.full_status(), participant.connection_id + b"clone")
        self._judge_silence(client, client.deliver(_formed(request, form)))

    def _request_certificate(self, participant: Participant, step: Step) -> None:
        """Request a certificate, if the server accepts requests."""
        if not participant.can_request_certificates:
            self._send(participant, participant.agent.check_in(), step.form)
            return
        kind = CERTIFICATE_REQUESTS[step.action]
        assertions = kind.assertions
        if step.action is Action.REQUEST_CERTIFICATE and self._issues_certificates_at_once:
            assertions = {**assertions, "csr.server-responds": issued}
        client = self._clients[participant.transport]
        request = client.request(kind.make(participant.agent), participant.connection_id)
        self._deliver(participant, _formed(request, step.form), assertions)

    @cached_property
    def _issues_certificates_at_once(self) -> bool:
        """Whether a new agent gets a certificate in the answer to its request: people may have to approve it."""
        client, agent = next(iter(self._clients.values())), Agent(self._run_id, capabilities=EVERY_CAPABILITY)
        message = CERTIFICATE_REQUESTS[Action.REQUEST_CERTIFICATE].make(agent)
        answer = client.deliver(client.request(message)).message
        return answer is not None and bool(answer.connection_settings.opamp.certificate.cert)

    # ---- connections

    def _ping(self, participant: Participant, form: Form) -> None:
        client = self._clients[participant.transport]
        if participant.transport is Transport.WEBSOCKET and client.has_websocket(participant.connection_id):
            problem = client.ping(participant.connection_id)
            self._judge("ws.roles", lambda: assert_websocket.pong(problem), self._log.exchanges[-1])

    def _close(self, participant: Participant, form: Form) -> None:
        client = self._clients[participant.transport]
        if participant.transport is Transport.WEBSOCKET and client.has_websocket(participant.connection_id):
            closing = client.close(participant.connection_id)
            self._judge("ws.roles", lambda: assert_connections.close_frame(closing), self._log.exchanges[-1])

    def _break(self, participant: Participant, form: Form) -> None:
        if participant.transport is Transport.WEBSOCKET:
            self._clients[participant.transport].abort(participant.connection_id)
            time.sleep(_NOTICE_SECONDS)

    def _change_transport(self, participant: Participant, form: Form) -> None:
        self._close(participant, form)
        others = [transport for transport in self._clients if transport is not participant.transport]
        participant.transport = others[0] if others else participant.transport

    # ---- verdicts that the model of the conversation leaves to the walk

    def _judge_silence(self, client: Client, exchange: Exchange) -> None:
        """Book a message without an answer, unless the server has ended the connection in an orderly way.

        Raises PreconditionFailedError if the server does not answer another agent, either.
        """
        if exchange.response is not None or exchange.close_code in _ORDERLY_CODES:
            return
        self._log.findings.book(_ANSWER, Violation("an answer", exchange.failure or "none"), exchange)
        if exchange.is_lost and not client.look():
            raise PreconditionFailedError(_ANSWER, "the server answers nobody any more")

    def _judge(self, requirement: str, assertion: Callable[[], None], exchange: Exchange) -> None:
        try:
            assertion()
        except ViolationError as error:
            self._log.findings.book(requirement, error.violation, exchange)
        except PreconditionFailedError as error:
            self._log.findings.book(error.requirement, Violation("an answer that can be judged", str(error)), exchange)


def _formed(request: Request, form: Form) -> Request:
    """Return a request in another form, where its transport has that form."""
    match request, form:
        case HttpRequest(), Form.GZIP:
            return request.compressed()
        case HttpRequest(), Form.CHUNKS:
            return replace(request, is_chunked=True)
        case HttpRequest(), Form.GZIP_CHUNKS:
            return replace(request.compressed(), is_chunked=True)
        case WebSocketMessage(), Form.CHUNKS | Form.GZIP_CHUNKS:
            middle = len(request.body) // 2
            return replace(request, payload=(request.body[:middle], request.body[middle:]))
        case _:
            return request
