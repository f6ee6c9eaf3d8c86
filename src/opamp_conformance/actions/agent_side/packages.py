"""Packages that the scripted server offers to an agent, and what becomes of them."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from opamp_conformance.actions.agent_side.hashes import hash_of
from opamp_conformance.actions.agent_side.headers import headers
from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_conformance.errors import NotApplicableError, PreconditionFailedError, ViolationError
from opamp_conformance.scripted_server.records import OtherRequest
from opamp_conformance.scripted_server.replies import Reply
from opamp_conformance.scripted_server.server import DOWNLOADS_PATH, MISSING_PATH
from opamp_proto import opamp_pb2 as pb

_FINAL: Final = (pb.PackageStatusEnum_Installed, pb.PackageStatusEnum_InstallFailed)


@dataclass(frozen=True)
class Package:
    """A package as it is offered. The hash is that of ``version`` and ``build``; ``file`` names its content."""

    name: str
    version: str = "1.0"
    build: str = ""
    file: str = "first"
    is_missing: bool = False

    @property
    def path(self) -> str:
        return MISSING_PATH if self.is_missing else f"{DOWNLOADS_PATH}{self.name}-{self.file}"

    @property
    def content(self) -> bytes:
        return f"the file {self.path}".encode()

    @property
    def hash(self) -> bytes:
        return hash_of(f"{self.name} {self.version}{self.build}")

    def changed(self, **fields: str | bool) -> "Package":
        return replace(self, **fields)  # type: ignore[arg-type]


def offer(session: AgentSession, packages: Sequence[Package], aggregate: str = "") -> pb.PackagesAvailable:
    """Offer packages. ``aggregate`` changes the hash of all of them, as another package would."""
    text = (
        " ".join(f"{package.name} {package.version}{package.build} {package.file}" for package in packages) + aggregate
    )
    available = pb.PackagesAvailable(all_packages_hash=hash_of(text))
    for package in packages:
        entry = available.packages[package.name]
        entry.type = pb.PackageType_TopLevel
        entry.version, entry.hash = package.version, package.hash
        entry.file.download_url = session.server.other_url(package.path)
        entry.file.content_hash = hashlib.sha256(package.content).digest()
        entry.file.headers.CopyFrom(headers())
    session.give(Reply(pb.ServerToAgent(packages_available=available)))
    return available


def final_report(session: AgentSession, available: pb.PackagesAvailable) -> pb.PackageStatuses:
    """Wait for a report in which each offered package is installed or has failed; raises ViolationError."""

    def is_final(message: pb.AgentToServer) -> bool:
        statuses = message.package_statuses.packages
        return all(
            name in statuses
            and statuses[name].status in _FINAL
            and statuses[name].server_offered_hash in (b"", offered.hash)
            for name, offered in available.packages.items()
        ) and message.HasField("package_statuses")

    if not session.has("ReportsPackageStatuses"):
        raise NotApplicableError("the agent does not announce ReportsPackageStatuses")
    record = session.message("package_statuses with the outcome of each offered package", is_final)
    assert record.message is not None
    return record.message.package_statuses


def outcome(session: AgentSession, available: pb.PackagesAvailable) -> pb.PackageStatuses:
    """Wait for the final report. An agent may ignore packages: PreconditionFailedError says that it does."""
    try:
        return final_report(session, available)
    except ViolationError as error:
        raise PreconditionFailedError("packages.final-report", error.violation) from error


def statuses_during(session: AgentSession, available: pb.PackagesAvailable) -> pb.PackageStatuses:
    """Wait until one of the packages is installed or has failed, and return what the agent then reports of all.

    Raises PreconditionFailedError for an agent that ignores packages.
    """

    def is_begun(message: pb.AgentToServer) -> bool:
        statuses = message.package_statuses.packages
        return any(name in statuses and statuses[name].status in _FINAL for name in available.packages)

    try:
        session.message("package_statuses with the outcome of a package", is_begun)
    except ViolationError as error:
        raise PreconditionFailedError("packages.final-report", error.violation) from error
    return session.fence().package_statuses


def report_without(session: AgentSession, package: Package) -> pb.PackageStatuses:
    """Return what the agent reports when it has removed a package, or when it has had the time to do that."""

    def is_without(message: pb.AgentToServer) -> bool:
        return message.HasField("package_statuses") and package.name not in message.package_statuses.packages

    with suppress(ViolationError):
        session.message("package_statuses without the package", is_without)
    return session.fence().package_statuses


def installed(session: AgentSession, available: pb.PackagesAvailable) -> pb.PackageStatuses:
    """Wait until offered packages are installed. Raises NotApplicableError if the agent cannot install them."""
    statuses = outcome(session, available)
    for status in statuses.packages.values():
        if status.status == pb.PackageStatusEnum_InstallFailed:
            raise NotApplicableError(f"the agent does not install the test package: {status.error_message}")
    return statuses


def start_with(session: AgentSession, *packages: Package) -> None:
    """Start an agent, and let it install packages; raises NotApplicableError if it does not do that."""
    session.start()
    session.require("AcceptsPackages")
    installed(session, offer(session, packages))


def let_fail(session: AgentSession, package: Package) -> None:
    """Offer a package that cannot be installed, and wait for its outcome."""
    outcome(session, offer(session, [package]))


def kept(session: AgentSession, package: Package) -> pb.PackageStatuses:
    """Return the packages in the first message. An agent need not keep them over a restart: NotApplicableError."""
    statuses = session.first.package_statuses
    if package.name not in statuses.packages:
        raise NotApplicableError("the agent does not keep its packages over a restart")
    return statuses


def downloads_before_another(session: AgentSession, package: Package) -> Sequence[OtherRequest]:
    """Offer another package beside one, and return the downloads of the latter until the other one is installed.

    The agent goes through offers one after the other, so a download for the earlier offer comes before that.
    """
    since = session.position
    installed(session, offer(session, [package, Package("another")]))
    return [record for record in session.server.records.of(OtherRequest, since) if record.path == package.path]


def download(session: AgentSession, package: Package) -> OtherRequest:
    """Wait for a request for the file of a package; raises ViolationError."""
    expected = f"a download of the package {package.name!r}"
    return session.expect(OtherRequest, expected, lambda record: record.path == package.path)
