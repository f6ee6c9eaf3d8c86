"""Ways to break what the specification says of packages."""

import hashlib
import zlib

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState, Package
from opamp_mock_server.core.packages import Packages
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.downloads import Downloads
from opamp_mock_server.transports.http_messages import Request, RequestRefusedError, Response
from opamp_proto import opamp_pb2 as pb


@breaks("packages.offer-field")
class NeverOffered(Packages):
    """The operator's packages are not offered."""

    def offer_packages(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        return record


@breaks("packages.not-offered-if-unsupported", also=["interop.server-stops-unsupported"])
class OfferedToAll(Packages):
    """Packages are offered to agents that take none."""

    def may_offer_packages(self, capabilities: int) -> bool:
        return True


@breaks("packages.all-hash-set")
class NoAllPackagesHash(Packages):
    """all_packages_hash is not set."""

    def offer_packages(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        record = super().offer_packages(record, desired, reply)
        if reply.HasField("packages_available"):
            reply.packages_available.all_packages_hash = b""
        return record


@breaks("packages.strong-hash")
class Checksums(Packages):
    """The hashes of packages are checksums of 4 bytes."""

    def package(self, instance_uid: bytes, name: str, package: Package) -> pb.PackageAvailable:
        available = super().package(instance_uid, name, package)
        available.hash = zlib.crc32(available.hash).to_bytes(4, "big")
        return available


@breaks("packages.type")
class EverythingIsAnAddon(Packages):
    """Every package is an addon."""

    def package(self, instance_uid: bytes, name: str, package: Package) -> pb.PackageAvailable:
        available = super().package(instance_uid, name, package)
        available.type = pb.PackageType_Addon
        return available


@breaks("packages.content-hash-sha256")
class ContentByAnotherHash(Packages):
    """content_hash is a hash of 32 bytes, of another kind than SHA-256."""

    def content_hash(self, content: bytes) -> bytes:
        return hashlib.blake2s(content).digest()


@breaks("packages.all-hash-aggregate", also=["packages.hash-inputs"])
class HashOfNames(Packages):
    """all_packages_hash is made of the names of packages."""

    def all_packages_hash(self, offer: pb.PackagesAvailable) -> bytes:
        return hashlib.sha256(",".join(sorted(offer.packages)).encode()).digest()


@breaks("packages.hash-inputs")
class VersionLeftOut(Packages):
    """The hash of a package is made of its content alone."""

    def package(self, instance_uid: bytes, name: str, package: Package) -> pb.PackageAvailable:
        available = super().package(instance_uid, name, package)
        available.hash = available.file.content_hash
        return available


@breaks("packages.url-http-get")
class FilesNotThere(Downloads):
    """The URL of a package's file leads nowhere, unless a part of it is asked for."""

    async def respond(self, request: Request) -> Response:
        if b"range" not in dict(request.headers):
            raise RequestRefusedError(404, "there is no such file")
        return await super().respond(request)


@breaks("packages.range-requests")
class WholeFilesOnly(Downloads):
    """Whoever asks for a part of a file gets all of it."""

    def range(self, header: bytes | None, size: int) -> slice | None:
        return None


@breaks("package-status.server-offers-on-mismatch", also=["package-status.server-compares-hash"])
class ReportedHashIgnored(StatusReporting):
    """The hash that an agent reports of its packages is not looked at."""

    def learn(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        return super().learn(record, message, reported)._replace(packages_hash=record.packages_hash)


@breaks("package-status.server-compares-hash")
class EmptyHashIgnored(StatusReporting):
    """An agent that reports no hash is taken to have its packages."""

    def learn(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().learn(record, message, reported)
        return learned if learned.packages_hash else learned._replace(packages_hash=record.packages_hash)
