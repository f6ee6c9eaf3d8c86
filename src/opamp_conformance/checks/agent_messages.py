"""The checks of every message of the suite's own agents: a harness that breaks the protocol proves nothing."""

from opamp_conformance.errors import HarnessError
from opamp_proto import INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb


def require_valid_message(message: pb.AgentToServer) -> None:
    """Raise HarnessError if a message that is meant to be well-formed is not one an agent may send."""
    if len(message.instance_uid) != INSTANCE_UID_BYTES:
        raise HarnessError(f"the suite's agent has an instance_uid of {len(message.instance_uid)} bytes")
    if not message.capabilities & pb.AgentCapabilities_ReportsStatus:
        raise HarnessError("the suite's agent does not report its capabilities")
