"""Custom capabilities and messages (Custom Messages)."""

from collections.abc import Sequence

from opamp_conformance.assertions.common import described, processed, require
from opamp_conformance.wire.exchange import Exchange


def arrived(exchange: Exchange, capability: str) -> None:
    """Assert that a custom message of a capability came (ServerToAgent.custom_message)."""
    got = processed(exchange).custom_message.capability
    require(got == capability, f"a custom_message of {capability}", got or described(exchange))


def none_arrived(exchange: Exchange) -> None:
    """Assert that no custom message came (ServerToAgent.custom_message)."""
    message = exchange.everything
    require(not message.HasField("custom_message"), "no custom_message", message.custom_message.capability)


def no_capabilities(exchange: Exchange) -> None:
    """Assert that the server has not sent its custom capabilities again (ServerToAgent.custom_capabilities)."""
    require(
        not exchange.everything.HasField("custom_capabilities"), "no custom_capabilities", "custom_capabilities again"
    )


def only_of(exchange: Exchange, capabilities: Sequence[str]) -> None:
    """Assert that a custom message, if one came, is of one of these custom capabilities."""
    for message in (*exchange.unsolicited, exchange.reply):
        got = message.custom_message.capability
        is_fine = not message.HasField("custom_message") or got in capabilities
        require(is_fine, f"a custom_message of {', '.join(capabilities)}", got or "no capability")
