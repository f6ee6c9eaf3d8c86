"""What a driver can tell a running agent."""

from collections.abc import Callable, Mapping
from typing import Any

from opamp_mock_agent.agent import MockAgent
from opamp_mock_agent.errors import MockAgentError
from opamp_proto import opamp_pb2 as pb

Fields = Mapping[str, Any]


class VerbError(MockAgentError):
    """A verb does not exist, or cannot be done now."""


def do(agent: MockAgent, verb: str, fields: Fields) -> None:
    """Let the agent do what a verb says. Raises VerbError, and KeyError or TypeError for wrong fields."""
    if verb not in VERBS:
        raise VerbError(f"there is no verb {verb!r}")
    VERBS[verb](agent, fields)
    agent.wake()


def _health(agent: MockAgent, fields: Fields) -> None:
    agent.core.report_health("" if fields["healthy"] else str(fields.get("error") or "it is not healthy"))


def _describe(agent: MockAgent, fields: Fields) -> None:
    agent.core.describe({str(key): str(value) for key, value in fields["attributes"].items()})


def _custom_message(agent: MockAgent, fields: Fields) -> None:
    message = pb.CustomMessage(
        capability=fields["capability"], type=fields.get("type", ""), data=str(fields.get("data", "")).encode()
    )
    agent.core.echoes.append(message)


def _fail_next_config(agent: MockAgent, fields: Fields) -> None:
    agent.core.next_config_problem = str(fields.get("error") or "the configuration is not valid")


VERBS: Mapping[str, Callable[[MockAgent, Fields], None]] = {
    "restart": lambda agent, fields: agent.restart(),
    "health": _health,
    "describe": _describe,
    "custom-message": _custom_message,
    "request-certificate": lambda agent, fields: agent.core.request_certificate(),
    "fail-next-config": _fail_next_config,
}
