"""The status of the agent in parts, and which parts the server does not know yet."""

from google.protobuf.message import Message

from opamp_proto import opamp_pb2 as pb

PARTS = (
    "agent_description",
    "health",
    "effective_config",
    "remote_config_status",
    "package_statuses",
    "connection_settings_status",
    "custom_capabilities",
    "available_components",
)
"""The fields of AgentToServer that describe a status. What has not changed is left out of a message."""


class Status:
    """Holds the current value of each part, and remembers what is still to be reported."""

    def __init__(self) -> None:
        self._parts: dict[str, Message] = {}
        self._unreported: set[str] = set()
        self._once: dict[str, Message] = {}

    def set(self, part: str, value: Message) -> None:
        """Give a part its value; it is reported if that is new."""
        known = self._parts.get(part)
        if known is None or known != value:
            copy = type(value)()
            copy.CopyFrom(value)
            self._parts[part] = copy
            self._unreported.add(part)

    def report(self, part: str) -> None:
        """Report a part once more, though it has not changed."""
        self._unreported.add(part)

    def report_once(self, part: str, value: Message) -> None:
        """Report a value of a part in the next message only."""
        self._once[part] = value
        self._unreported.add(part)

    def report_all(self) -> None:
        """Report every part once more: on a new connection, or because the server asks for it."""
        self._unreported = set(self._parts)

    def report_again(self, message: pb.AgentToServer) -> None:
        """Report the parts of a message once more, because the server has not taken it."""
        self._unreported |= {part for part in self._parts if message.HasField(part)}

    @property
    def has_news(self) -> bool:
        return bool(self._unreported)

    def write(self, message: pb.AgentToServer, without: frozenset[str]) -> None:
        """Add what is unreported to a message, except for some parts. Everything then counts as reported."""
        for part in sorted(self._unreported - without):
            getattr(message, part).CopyFrom(self._once.get(part, self._parts[part]))
            getattr(message, part).SetInParent()
        self._unreported.clear()
        self._once.clear()
