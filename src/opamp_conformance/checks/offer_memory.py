"""What the server has offered so far: equal content and equal hashes, and offers that the agent has acknowledged."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from opamp_conformance.checks.agent_memory import AgentMemory
from opamp_conformance.checks.offers import all_settings
from opamp_conformance.errors import Violation
from opamp_proto import opamp_pb2 as pb

_MOST_CONTENTS: Final = 100_000
Breach = tuple[str, Violation]
"""A requirement, and how it was broken."""

_UNCHANGED: Final = {
    "remote_config": "remote-config.config-unset-if-unchanged",
    "connection_settings": "own-telemetry.no-offer-if-unchanged",
    "packages_available": "package-status.server-compares-hash",
}
"""The requirements of a server that offers again what the agent has acknowledged."""


class OfferMemory:
    """The contents of the last offers of a run, as digests, by their hashes."""

    def __init__(self) -> None:
        self._contents: dict[tuple[str, bytes, bytes], bytes] = {}

    def check(self, reply: pb.ServerToAgent, agent: AgentMemory | None, *, is_requested: bool) -> Iterator[Breach]:
        """Yield what an offer to an agent breaks. Settings that an agent has requested need no hash."""
        if agent is not None:
            yield from _unchanged(reply, agent)
        yield from self._configuration(reply)
        settings = reply.connection_settings
        # A certificate may be the late answer to a request.
        is_requested = is_requested or settings.opamp.HasField("certificate")
        if not is_requested and not settings.hash and any(all_settings(settings)):
            yield "offers.hash-covers-all", Violation("a hash of the settings", "none")
        yield from self._settings(reply)
        yield from self._packages(reply)

    def _configuration(self, reply: pb.ServerToAgent) -> Iterator[Breach]:
        offer = reply.remote_config
        if offer.HasField("config") and offer.config_hash:
            files = offer.config.SerializeToString(deterministic=True)
            if self._is_other_content("configuration", b"", offer.config_hash, files):
                yield "remote-config.hash-function", _one_hash("remote configurations", offer.config_hash)

    def _settings(self, reply: pb.ServerToAgent) -> Iterator[Breach]:
        offer = reply.connection_settings
        if not offer.hash:
            return
        for name, settings in all_settings(offer):
            content = settings.SerializeToString(deterministic=True)
            if self._is_other_content(f"settings {name}", reply.instance_uid, offer.hash, content):
                yield "offers.hash-covers-all", _one_hash(f"settings for {name}", offer.hash)

    def _packages(self, reply: pb.ServerToAgent) -> Iterator[Breach]:
        offer = reply.packages_available
        if not offer.all_packages_hash:
            return
        contents = sorted((name, package.file.content_hash) for name, package in offer.packages.items())
        if self._is_other_content("packages", b"", offer.all_packages_hash, repr(contents).encode()):
            yield "packages.all-hash-aggregate", _one_hash("lists of packages", offer.all_packages_hash)
        whole = sorted((name, package.version, package.hash) for name, package in offer.packages.items())
        same = repr((contents, whole)).encode()
        if self._is_other_content("hash of packages", reply.instance_uid, same, offer.all_packages_hash):
            expected = "the same all_packages_hash for the same packages"
            yield "packages.all-hash-aggregate", Violation(expected, offer.all_packages_hash.hex())
        for name, package in offer.packages.items():
            if not package.hash:
                continue
            if self._is_other_content(f"content of {name}", b"", package.hash, package.file.content_hash):
                yield "packages.hash-identifies", _one_hash(f"contents of the package {name!r}", package.hash)
            if self._is_other_content("name of a package", b"", package.hash, name.encode()):
                yield "packages.hash-identifies", _one_hash("packages", package.hash)
            if self._is_other_content(f"version of {name}", b"", package.hash, package.version.encode()):
                yield "packages.hash-inputs", _one_hash(f"versions of the package {name!r}", package.hash)
            if self._is_other_content(f"hash of {name}", reply.instance_uid, without_hash(package), package.hash):
                expected = f"the same hash for the same package {name!r}"
                yield "packages.hash-inputs", Violation(expected, package.hash.hex())

    def _is_other_content(self, kind: str, owner: bytes, hash_: bytes, content: bytes) -> bool:
        digest = sha256(content).digest()
        is_other = self._contents.setdefault((kind, owner, hash_), digest) != digest
        if len(self._contents) > _MOST_CONTENTS:
            del self._contents[next(iter(self._contents))]
        return is_other


def _unchanged(reply: pb.ServerToAgent, agent: AgentMemory) -> Iterator[Breach]:
    """Yield offers of what the agent has reported as its last one, by the hash."""
    offers = (
        ("remote_config", reply.remote_config.config_hash, agent.config_hash, reply.remote_config.HasField("config")),
        ("connection_settings", reply.connection_settings.hash, agent.settings_hash, True),
        ("packages_available", reply.packages_available.all_packages_hash, agent.packages_hash, True),
    )
    for name, offered, acknowledged, has_content in offers:
        if offered and offered == acknowledged and has_content:
            expected = f"no {name} with the hash that the agent has reported"
            yield _UNCHANGED[name], Violation(expected, f"{name} with the hash {offered.hex()} again")


def without_hash(package: pb.PackageAvailable) -> bytes:
    """Return everything that an offer says of a package but its hash, as bytes (PackageAvailable)."""
    content = pb.PackageAvailable()
    content.CopyFrom(package)
    content.hash = b""
    return content.SerializeToString(deterministic=True)


def _one_hash(of_what: str, hash_: bytes) -> Violation:
    return Violation(f"another hash for other {of_what}", f"the hash {hash_.hex()} for both")


def remember_offers(agent: AgentMemory, reply: pb.ServerToAgent, *, is_requested: bool) -> None:
    """Note the hashes of what an agent is offered.

    Settings that an agent has requested are an answer: the server need not offer them again. Their hash may be that of
    all its settings, so it is open which hash the server expects.
    """
    if reply.remote_config.HasField("config"):
        agent.offered.remote_config.config_hash = reply.remote_config.config_hash
    if reply.HasField("connection_settings"):
        if is_requested:
            agent.offered.ClearField("connection_settings")
        else:
            agent.offered.connection_settings.hash = reply.connection_settings.hash
    if reply.HasField("packages_available"):
        agent.offered.packages_available.all_packages_hash = reply.packages_available.all_packages_hash
