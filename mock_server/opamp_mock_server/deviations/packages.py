"""Deviations from Packages: wrong offers, hashes and downloads."""

import hashlib
import zlib
from collections.abc import Mapping
from urllib.parse import unquote

from opamp_mock_server.core.agent_state import AgentRecord, DesiredState, Package
from opamp_mock_server.core.packages import Packages
from opamp_mock_server.core.status_reporting import StatusReporting
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.transports.downloads import Downloads
from opamp_mock_server.transports.http_messages import Request, RequestRefusedError, Response
from opamp_proto import opamp_pb2 as pb


@breaks("packages.offer-field")
class PackagesNeverOffered(Packages):
    """Packages are never offered."""

    def offer_packages(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        return record


@breaks(
    "packages.not-offered-if-unsupported",
    also=["interop.server-stops-unsupported", "capabilities.server-respects-change"],
)
class PackagesWithoutCapability(Packages):
    """Packages are offered to agents without the AcceptsPackages capability."""

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
class PackageHashIsChecksum(Packages):
    """The hash of a package is a checksum of 4 bytes."""

    def package(self, instance_uid: bytes, name: str, package: Package) -> pb.PackageAvailable:
        available = super().package(instance_uid, name, package)
        available.hash = zlib.crc32(available.hash).to_bytes(4, "big")
        return available


@breaks("packages.type")
class EveryPackageIsAddon(Packages):
    """Every package is offered as an addon."""

    def package(self, instance_uid: bytes, name: str, package: Package) -> pb.PackageAvailable:
        available = super().package(instance_uid, name, package)
        available.type = pb.PackageType_Addon
        return available


@breaks("packages.content-hash-sha256")
class ContentHashNotSha256(Packages):
    """content_hash is a hash of 32 bytes, but not SHA-256."""

    def content_hash(self, content: bytes) -> bytes:
        return hashlib.blake2s(content).digest()


@breaks("packages.all-hash-aggregate", also=["packages.hash-identifies", "packages.hash-inputs"])
class AllPackagesHashOfNames(Packages):
    """all_packages_hash covers only the names of packages."""

    def all_packages_hash(self, offer: pb.PackagesAvailable) -> bytes:
        return hashlib.sha256(",".join(sorted(offer.packages)).encode()).digest()


@breaks("packages.hash-inputs")
class PackageHashOfContent(Packages):
    """The hash of a package covers only its content."""

    def package(self, instance_uid: bytes, name: str, package: Package) -> pb.PackageAvailable:
        available = super().package(instance_uid, name, package)
        available.hash = available.file.content_hash
        return available


@breaks("packages.hash-inputs:random")
class RandomPackageHash(Packages):
    """Each offer of a package has another hash."""

    _offers: int = 0

    def offer_packages(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        record = super().offer_packages(record, desired, reply)
        for package in reply.packages_available.packages.values():
            self._offers += 1
            package.hash = hashlib.sha256(package.hash + str(self._offers).encode()).digest()
        return record


@breaks("packages.url-http-get", also=["packages.range-requests"])
class DownloadNotFound(Downloads):
    """The URL of a package file is answered with 404, unless the request has a Range header."""

    async def respond(self, request: Request) -> Response:
        if b"range" not in dict(request.headers):
            raise RequestRefusedError(404, "there is no such package file")
        return await super().respond(request)


@breaks("packages.range-requests")
class RangeIgnored(Downloads):
    """The Range header is ignored: the reply is the whole package file."""

    def range(self, header: bytes | None, size: int) -> slice | None:
        return None


@breaks("package-status.server-offers-on-mismatch", also=["package-status.server-compares-hash"])
class ReportedPackagesHashIgnored(StatusReporting):
    """The hash of packages that an agent reports is ignored."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        return super().note_reported_hashes(record, message, reported)._replace(packages_hash=record.packages_hash)


@breaks("package-status.server-compares-hash")
class EmptyPackagesHashIgnored(StatusReporting):
    """An agent that reports an empty hash of its packages is treated as if it had the offered packages."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().note_reported_hashes(record, message, reported)
        return learned if learned.packages_hash else learned._replace(packages_hash=record.packages_hash)


@breaks("packages.hash-identifies")
class PackageHashWithoutContent(Packages):
    """The hash of a package covers only its name and its version."""

    def package(self, instance_uid: bytes, name: str, package: Package) -> pb.PackageAvailable:
        available = super().package(instance_uid, name, package)
        available.hash = hashlib.sha256(f"{name} {package.version}".encode()).digest()
        return available

    def all_packages_hash(self, offer: pb.PackagesAvailable) -> bytes:
        contents = [entry.hash + entry.file.content_hash for _, entry in sorted(offer.packages.items())]
        return hashlib.sha256(b"".join(contents)).digest()


@breaks("packages.version")
class PackageVersionMissing(Packages):
    """The version of a package is missing."""

    def package(self, instance_uid: bytes, name: str, package: Package) -> pb.PackageAvailable:
        available = super().package(instance_uid, name, package)
        available.version = ""
        return available


@breaks("packages.offer-field:first-only")
class OnlyFirstPackage(Packages):
    """Only the first package is offered."""

    def packages_available(self, instance_uid: bytes, packages: Mapping[str, Package]) -> pb.PackagesAvailable:
        return super().packages_available(instance_uid, dict(list(packages.items())[:1]))


@breaks("packages.url-http-get:once")
class DownloadedOnlyOnce(Downloads):
    """A whole package file can be downloaded only once."""

    _downloaded: frozenset[str] = frozenset()

    async def respond(self, request: Request) -> Response:
        if request.path in self._downloaded and b"range" not in dict(request.headers):
            raise RequestRefusedError(404, "there is no such package file")
        self._downloaded |= {request.path}
        return await super().respond(request)


@breaks("package-status.server-offers-on-mismatch:failed")
class PackagesNotOfferedAfterError(StatusReporting):
    """The hash of packages is ignored if the agent reports an error, too."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().note_reported_hashes(record, message, reported)
        has_error = bool(message.package_statuses.error_message)
        return learned._replace(packages_hash=record.packages_hash) if has_error else learned


@breaks("package-status.server-offers-on-mismatch:installed")
class PackagesNotOfferedOnceInstalled(StatusReporting):
    """The hash of packages is ignored if the agent reports that it has installed what it was offered before."""

    def note_reported_hashes(self, record: AgentRecord, message: pb.AgentToServer, reported: list[str]) -> AgentRecord:
        learned = super().note_reported_hashes(record, message, reported)
        statuses = [package.status for package in message.package_statuses.packages.values()]
        is_installed = bool(statuses) and set(statuses) == {pb.PackageStatusEnum_Installed}
        return learned._replace(packages_hash=record.packages_hash) if is_installed else learned


@breaks("package-status.server-compares-hash:first-answer")
class NoPackagesInFirstReply(Packages):
    """The first reply to an agent has no packages."""

    def offer_packages(self, record: AgentRecord, desired: DesiredState, reply: pb.ServerToAgent) -> AgentRecord:
        return record if reply.capabilities else super().offer_packages(record, desired, reply)


@breaks("package-status.server-compares-hash:reconnected")
class PackagesOfferedAfterClose(StatusReporting):
    """After the end of its WebSocket, an agent is offered its packages again."""

    def after_connection_end(self, known: AgentRecord) -> AgentRecord:
        return super().after_connection_end(known)._replace(packages_hash=b"")


@breaks("packages.range-requests:end")
class LastByteMissing(Downloads):
    """The answer to a Range header with a last byte lacks that byte."""

    def range(self, header: bytes | None, size: int) -> slice | None:
        wanted = super().range(header, size)
        is_open = header is None or header.endswith(b"-")
        return wanted if wanted is None or is_open else slice(wanted.start, wanted.stop - 1)


@breaks("packages.url-http-get:unquoted")
class UnquotedUrl(Packages):
    """The name of a package is part of its URL as it is, so that some packages cannot be downloaded."""

    def download_url(self, instance_uid: bytes, name: str) -> str:
        return unquote(super().download_url(instance_uid, name))
