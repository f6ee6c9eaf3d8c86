"""Custom capabilities and messages (Custom Messages)."""

from opamp_conformance.assertions.common import described, processed, require
from opamp_conformance.wire.exchange import Exchange


def arrived(exchange: Exchange, capability: str) -> None:
    got = processed(exchange).custom_message.capability
    require(got == capability, f"a custom_message of {capability}", got or described(exchange))


def none_arrived(exchange: Exchange) -> None:
    message = exchange.everything
    require(not message.HasField("custom_message"), "no custom_message", message.custom_message.capability)


def no_capabilities(exchange: Exchange) -> None:
    require(
        not exchange.everything.HasField("custom_capabilities"), "no custom_capabilities", "custom_capabilities again"
    )
