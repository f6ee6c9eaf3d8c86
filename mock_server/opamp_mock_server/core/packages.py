"""Packages (Packages, PackagesAvailable, PackageStatuses)."""

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urljoin

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState, Package
from opamp_mock_server.core.chapter import Chapter, supports
from opamp_proto import opamp_pb2 as pb

DOWNLOADS: Final = "/packages"
"""The first part of the paths of package files."""


class Packages(Chapter):
    """How the server offers packages."""

    def packages_available(self, instance_uid: bytes, packages: Mapping[str, Package]) -> pb.PackagesAvailable:
        """Return an offer of all packages for an agent."""
        offer = pb.PackagesAvailable()
        for name, package in packages.items():
            offer.packages[name].CopyFrom(self.package(instance_uid, name, package))
        offer.all_packages_hash = self.all_packages_hash(offer)
        return offer

    def package(self, instance_uid: bytes, name: str, package: Package) -> pb.PackageAvailable:
        available = pb.PackageAvailable(version=package.version)
        available.type = package.type  # type: ignore[assignment]
        available.file.download_url = self.download_url(instance_uid, name)
        available.file.content_hash = self.content_hash(package.content)
        available.hash = hashlib.sha256(
            name.encode() + b"\0" + available.SerializeToString(deterministic=True)
        ).digest()
        return available

    def download_url(self, instance_uid: bytes, name: str) -> str:
        return urljoin(self.url, f"{DOWNLOADS}/{instance_uid.hex()}/{quote(name, safe='')}")

    def content_hash(self, content: bytes) -> bytes:
        return hashlib.sha256(content).digest()

    def all_packages_hash(self, offer: pb.PackagesAvailable) -> bytes:
        return hashlib.sha256(b"".join(offer.packages[name].hash for name in sorted(offer.packages))).digest()

    def may_offer_packages(self, capabilities: int) -> bool:
        return self.can(pb.ServerCapabilities_OffersPackages) and supports(
            capabilities, pb.AgentCapabilities_AcceptsPackages
        )

    def offer_packages(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        """Offer the packages if the agent has different ones; return its new record."""
        if not desired.packages or not self.may_offer_packages(record.capabilities):
            return record
        offer = self.packages_available(record.instance_uid, desired.packages)
        if offer.all_packages_hash != record.packages_hash:
            reply.packages_available.CopyFrom(offer)
        return record._replace(packages_hash=offer.all_packages_hash)
