"""Commands (ServerToAgentCommand)."""

from opamp_conformance.assertions.common import require, satisfies
from opamp_conformance.errors import NotApplicableError
from opamp_conformance.wire.exchange import Exchange


def sent_alone(exchange: Exchange) -> None:
    """Assert that a command comes without other fields (ServerToAgent.command)."""
    if not exchange.reply.HasField("command"):
        raise NotApplicableError("the server sends no command, and need not send one")
    satisfies("command.alone", exchange)


def none_sent(exchange: Exchange) -> None:
    """Assert that no command came (ServerToAgent.command)."""
    require(not exchange.everything.HasField("command"), "no command", "a command")
