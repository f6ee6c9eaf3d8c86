"""Packages of an agent ("Packages", PackageStatuses)."""

from collections.abc import Sequence

from opamp_conformance.actions.agent_side.packages import Package
from opamp_conformance.assertions.common import require
from opamp_conformance.scripted_server.records import OtherRequest
from opamp_proto import opamp_pb2 as pb


def uses_get(request: OtherRequest) -> None:
    """Assert that a file is downloaded with GET (DownloadableFile.download_url)."""
    require(request.method == "GET", "a download with GET", request.method)


def not_downloaded(requests: Sequence[OtherRequest], because: str) -> None:
    """Assert that nothing was downloaded; ``because`` says why there is no need."""
    require(not requests, f"no download, because {because}", f"{len(requests)} downloads")


def echoes_hash(statuses: pb.PackageStatuses, offer: pb.PackagesAvailable) -> None:
    """Assert that a report has the hash of an offer (PackageStatuses.server_provided_all_packages_hash)."""
    came = statuses.server_provided_all_packages_hash
    require(came == offer.all_packages_hash, "all_packages_hash of the offer", came.hex() or "none")


def has_package(statuses: pb.PackageStatuses, package: Package) -> None:
    """Assert that the status of a package says that the agent has it as offered."""
    status = statuses.packages[package.name]
    version, came = status.agent_has_version, status.agent_has_hash
    require(version == package.version, f"agent_has_version {package.version}", version or "none")
    require(came == package.hash, "agent_has_hash as offered", came.hex() or "none")


def has_none_or(statuses: pb.PackageStatuses, package: Package) -> None:
    """Assert that the status of a package says that the agent has a certain version of it, or none at all."""
    status = statuses.packages[package.name]
    if status.agent_has_version or status.agent_has_hash:
        has_package(statuses, package)


def tells_offer(statuses: pb.PackageStatuses, package: Package) -> None:
    """Assert that the status of a package has what the server has offered."""
    status = statuses.packages[package.name]
    version, came = status.server_offered_version, status.server_offered_hash
    require(version == package.version, f"server_offered_version {package.version}", version or "none")
    require(came == package.hash, "server_offered_hash as offered", came.hex() or "none")


def lacks_package(statuses: pb.PackageStatuses, package: Package) -> None:
    """Assert that the status of a package says that the agent does not have it."""
    status = statuses.packages[package.name]
    require(not status.agent_has_version, "an empty agent_has_version", repr(status.agent_has_version))
    require(not status.agent_has_hash, "an empty agent_has_hash", status.agent_has_hash.hex())


def has_failed(statuses: pb.PackageStatuses, package: Package) -> None:
    """Assert that a report says that a package could not be installed (PackageStatus.status)."""
    status = statuses.packages[package.name]
    is_failed = status.status == pb.PackageStatusEnum_InstallFailed
    require(is_failed, "the status InstallFailed", pb.PackageStatusEnum.Name(status.status))
    came = status.server_offered_hash
    require(came == package.hash, "server_offered_hash as offered", came.hex() or "none")


def lists(statuses: pb.PackageStatuses, *packages: Package) -> None:
    """Assert that a report has these packages (PackageStatuses.packages)."""
    names = list(statuses.packages)
    missing = [package.name for package in packages if package.name not in names]
    require(
        not missing, f"every package: {', '.join(package.name for package in packages)}", ", ".join(names) or "none"
    )


def is_not_listed(statuses: pb.PackageStatuses, package: Package) -> None:
    """Assert that a report does not have a package (PackageStatuses.packages)."""
    require(
        package.name not in statuses.packages, f"no package {package.name!r}, because it is not offered", "it is there"
    )


def keys_are_names(statuses: pb.PackageStatuses) -> None:
    """Assert that packages are reported under their names (PackageStatus.name)."""
    for key, status in statuses.packages.items():
        require(status.name == key, f"the name {key!r}", repr(status.name))
