"""The base class of the chapters of the core."""

from collections.abc import Sequence
from typing import Final

from opamp_proto import opamp_pb2 as pb

ALL_CAPABILITIES: Final = sum(pb.ServerCapabilities.values())
"""Every bit of ServerCapabilities: the mock server supports all of them."""


class Chapter:
    """A part of the core. ``capabilities`` and ``custom_capabilities`` are what the server supports and announces.

    ``url`` is the OpAMP endpoint of the server.
    """

    def __init__(
        self,
        capabilities: int = ALL_CAPABILITIES,
        custom_capabilities: Sequence[str] = (),
        url: str = "http://127.0.0.1:4320/v1/opamp",
        *,
        knows_roles: bool = True,
    ) -> None:
        """``knows_roles`` says whether objects of a configuration may have a role, as from v0.19.0 on."""
        self.capabilities = capabilities
        if not self.can(pb.ServerCapabilities_OffersConnectionSettings):
            # The answer to such a request would be an offer.
            self.capabilities &= ~int(pb.ServerCapabilities_AcceptsConnectionSettingsRequest)
        self.custom_capabilities = tuple(custom_capabilities)
        self.url = url
        self.knows_roles = knows_roles

    def can(self, capability: "pb.ServerCapabilities") -> bool:
        return bool(self.capabilities & capability)


def supports(capabilities: int, capability: "pb.AgentCapabilities") -> bool:
    """Return whether an agent announces a capability."""
    return bool(capabilities & capability)
