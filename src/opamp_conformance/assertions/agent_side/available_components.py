"""The components of an agent (AvailableComponents)."""

from opamp_conformance.assertions.common import require
from opamp_proto import opamp_pb2 as pb


def has_hash(components: pb.AvailableComponents) -> None:
    """Assert that components come with their hash (AvailableComponents.hash)."""
    require(components.hash, "available_components with a hash", "no hash")


def has_no_map(components: pb.AvailableComponents) -> None:
    """Assert that components come without the map that nobody has asked for (AvailableComponents.components)."""
    count = len(components.components)
    require(not count, "only the hash, because the server has not asked for the map", f"{count} components")


def has_map(components: pb.AvailableComponents) -> None:
    """Assert that components come with their map (AvailableComponents.components)."""
    require(components.components, "the map of components", "none")


def same_hash(one: pb.AvailableComponents, other: pb.AvailableComponents) -> None:
    """Assert that two reports of components have the same hash (AvailableComponents.hash)."""
    require(one.hash == other.hash, f"the hash {one.hash.hex()}", other.hash.hex() or "none")
