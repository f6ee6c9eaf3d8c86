"""The conditions that a Given relies on: each function returns the exchange, or raises PreconditionFailedError."""

from opamp_conformance.errors import PreconditionFailedError
from opamp_conformance.wire.exchange import Exchange, error_name
from opamp_proto import INSTANCE_UID_BYTES


def require_accepted(exchange: Exchange, requirement: str = "response.no-error-on-success") -> Exchange:
    """Require that the message was accepted; ``requirement`` is the one that the target breaks otherwise."""
    if exchange.reply.HasField("error_response"):
        error = exchange.reply.error_response
        reason = f"the message is answered with {error_name(error.type)}: {error.error_message}"
        raise PreconditionFailedError(requirement, reason)
    return exchange


def require_error(exchange: Exchange) -> Exchange:
    """Require that a malformed message was answered with an error_response (Bad Request)."""
    if not exchange.is_error:
        raise PreconditionFailedError(
            "bad-request.respond", "the malformed message is not answered with an error_response"
        )
    return exchange


def require_16_bytes(exchange: Exchange) -> Exchange:
    """Require that new_instance_uid has the 16 bytes of a UUID (ServerToAgent.agent_identification)."""
    length = len(exchange.new_instance_uid)
    if length != INSTANCE_UID_BYTES:
        raise PreconditionFailedError("identification.new-instance-uid.length", f"new_instance_uid has {length} bytes")
    return exchange
