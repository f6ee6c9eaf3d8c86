"""Deviations of packages."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb

_NO_VERSIONS: Final[Mapping[str, str]] = MappingProxyType({})


def _each(message: pb.AgentToServer, change: Callable[[pb.PackageStatus], object]) -> pb.AgentToServer:
    for status in message.package_statuses.packages.values():
        change(status)
    return message


@breaks(
    "capabilities.agent.accepts-packages",
    also=(
        *("capabilities.agent.package-statuses-reported", "packages.final-report", "packages.step2-download-missing"),
        *("packages.step3-download-missing", "packages.follow-procedure", "packages.step3-http-get"),
        *("packages.step3-headers", "packages.all-hash-echo", "package-status.server-hash"),
        *("package-status.has-version.set", "package-status.has-hash.set", "package-status.offered-version.set"),
        *("package-status.offered-hash.set", "package-status.has-version.empty", "package-status.has-hash.empty"),
        *("package-status.failed-hash", "packages.all-included", "package-status.describes-all"),
        *("package-status.name-always-set", "package-status.key-equals-name"),
    ),
)
class IgnoresPackages(Behaviour):
    """The agent ignores packages."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        message.ClearField("packages_available")
        return message


@breaks(
    "packages.final-report",
    also=(
        *("capabilities.agent.accepts-packages", "capabilities.agent.package-statuses-reported"),
        *("packages.all-hash-echo", "package-status.server-hash", "package-status.has-version.set"),
        *("package-status.has-hash.set", "package-status.offered-version.set", "package-status.offered-hash.set"),
        *("packages.all-included", "package-status.describes-all", "package-status.name-always-set"),
        "package-status.key-equals-name",
    ),
)
class NeverInstalled(Behaviour):
    """The agent never reports that a package is installed."""

    installs_packages = False


@breaks(
    "packages.step2-download-missing",
    also=(
        *("packages.step3-download-missing", "packages.follow-procedure", "packages.step3-http-get"),
        *("packages.step3-headers", "packages.reinstall-different-hash", "packages.step3-download-different"),
        *("packages.step2-check-each", "package-status.has-version.empty", "package-status.has-hash.empty"),
        "package-status.failed-hash",
    ),
)
class NeverDownloads(Behaviour):
    """The agent reports packages as installed that it has not downloaded."""

    downloads_packages = False


@breaks("packages.step3-http-get")
class DownloadsWithPost(Behaviour):
    """The agent downloads with POST."""

    download_method = "POST"


@breaks("packages.step3-headers")
class DownloadsWithoutHeaders(Behaviour):
    """The agent does not send the offered headers with a download."""

    sends_download_headers = False


@breaks(
    "packages.step1-same-hash-done",
    also=(
        *("packages.all-hash-used", "packages.step2-same-hash-skip", "packages.step2-compare-hash"),
        "packages.package-hash-used",
    ),
)
class IgnoresSameSet(Behaviour):
    """The agent downloads everything again if all hashes are the same."""

    skips_same_package_set = False
    skips_same_package = False
    skips_same_file = False


@breaks(
    "packages.step2-same-hash-skip",
    also=("packages.step2-compare-hash", "packages.package-hash-used", "packages.step1-same-hash-done"),
)
class IgnoresSamePackage(Behaviour):
    """The agent downloads a package again whose hash is the same."""

    skips_same_package = False
    skips_same_file = False


@breaks(
    "packages.reinstall-different-hash",
    also=("packages.step3-download-different", "packages.step2-check-each", "package-status.has-version.set"),
)
class KeepsOldPackage(Behaviour):
    """The agent does not download a package again that it has in another version."""

    updates_packages = False


@breaks("packages.reinstall-different-hash:same-version")
class ComparesVersions(Behaviour):
    """The agent takes a package for the one that it has if the version is the same."""

    compares_package_hashes = False


@breaks("packages.delete-not-offered")
class KeepsAllPackages(Behaviour):
    """The agent does not delete packages."""

    deletes_packages = False


@breaks("packages.all-hash-echo", also=("package-status.server-hash", "compression.unset.package-statuses"))
class NoHashOfAll(Behaviour):
    """The agent does not report the hash of all packages."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        if message.HasField("package_statuses"):
            message.package_statuses.ClearField("server_provided_all_packages_hash")
        return message


@breaks("package-status.server-hash:first", also=("compression.unset.package-statuses",))
class KeepsFirstHashOfAll(Behaviour):
    """The agent reports the hash of all packages of the first offer for ever."""

    _first = b""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        statuses = message.package_statuses
        self._first = self._first or statuses.server_provided_all_packages_hash
        if statuses.server_provided_all_packages_hash:
            statuses.server_provided_all_packages_hash = self._first
        return message


@breaks("package-status.has-version.set")
class NoVersion(Behaviour):
    """The agent does not report the version of a package that it has."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        return _each(message, lambda status: status.ClearField("agent_has_version"))


@breaks("package-status.has-hash.set", also=("package-status.has-version.set",))
class NoHash(Behaviour):
    """The agent does not report the hash of a package that it has."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        return _each(message, lambda status: status.ClearField("agent_has_hash"))


@breaks("package-status.offered-version.set")
class NoOfferedVersion(Behaviour):
    """The agent does not report the version that was offered."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        return _each(message, lambda status: status.ClearField("server_offered_version"))


@breaks("package-status.offered-hash.set", also=("package-status.downloading-hash", "package-status.failed-hash"))
class NoOfferedHash(Behaviour):
    """The agent does not report the hash that was offered."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        return _each(message, lambda status: status.ClearField("server_offered_hash"))


def _claim(status: pb.PackageStatus) -> None:
    if status.status == pb.PackageStatusEnum_InstallFailed:
        status.agent_has_version, status.agent_has_hash = status.server_offered_version, status.server_offered_hash


@breaks("package-status.has-version.empty", also=("package-status.has-hash.empty", "package-status.has-version.set"))
class ClaimsFailedPackage(Behaviour):
    """The agent reports that it has a package that it could not install."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        return _each(message, _claim)


def _claim_update(status: pb.PackageStatus) -> None:
    if status.agent_has_hash:
        _claim(status)


@breaks("package-status.has-version.set:failed-update")
class ClaimsFailedUpdate(Behaviour):
    """The agent reports that it has the new version of a package that it could not update."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        return _each(message, _claim_update)


def _succeed(status: pb.PackageStatus) -> None:
    if status.status == pb.PackageStatusEnum_InstallFailed:
        status.status = pb.PackageStatusEnum_Installed
        status.ClearField("error_message")


@breaks("package-status.failed-hash")
class HidesFailure(Behaviour):
    """The agent reports a package as installed that it could not install."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        return _each(message, _succeed)


@breaks(
    "packages.all-included:installing-only",
    also=("compression.unset.package-statuses", "status.no-report-without-change"),
)
class ReportsOnlyWhatItInstalls(Behaviour):
    """While the agent installs a package, and afterwards, it reports no package that it has from an earlier offer."""

    _offers = 0
    _earlier: frozenset[str] = frozenset()

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if message.HasField("packages_available"):
            self._offers += 1
        return message

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        if self._offers == 1:
            self._earlier |= frozenset(message.package_statuses.packages)
        for name in self._earlier if self._offers > 1 else ():
            message.package_statuses.packages.pop(name, None)
        return message


@breaks("package-status.has-version.set:after-failure", also=("package-status.has-hash.set",))
class ForgetsInstalledAfterFailure(Behaviour):
    """The agent reports no version and no hash of a package that it could install only at the second try."""

    _failed: frozenset[str] = frozenset()

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        for name, status in message.package_statuses.packages.items():
            if status.status == pb.PackageStatusEnum_InstallFailed:
                self._failed |= {name}
            elif name in self._failed:
                status.ClearField("agent_has_version")
                status.ClearField("agent_has_hash")
        return message


@breaks(
    "packages.all-included",
    also=(
        *("package-status.describes-all", "packages.final-report", "package-status.name-always-set"),
        *("package-status.key-equals-name", "compression.unset.package-statuses"),
    ),
)
class OnePackageOnly(Behaviour):
    """The agent reports one of its packages only."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        for name in sorted(message.package_statuses.packages)[1:]:
            del message.package_statuses.packages[name]
        return message


@breaks("package-status.name-always-set", also=("package-status.key-equals-name",))
class NoName(Behaviour):
    """A package has no name."""

    def outgoing(self, message: pb.AgentToServer, earlier: object) -> pb.AgentToServer:
        return _each(message, lambda status: status.ClearField("name"))


@breaks("packages.final-report:beside-failures")
class StopsAtFailure(Behaviour):
    """After a package that failed, the agent does not install the others of the offer."""

    goes_on_after_failure = False


@breaks("packages.reinstall-different-hash:older")
class IgnoresOlderVersions(Behaviour):
    """The agent does not replace a package by an older version."""

    takes_older_packages = False


@breaks("package-status.has-version.set:replaced")
class ReportsFirstVersion(Behaviour):
    """Of a package that it has replaced, the agent reports the version that it had first."""

    _versions: Mapping[str, str] = _NO_VERSIONS

    def outgoing(self, message: pb.AgentToServer, earlier: Sequence[pb.AgentToServer]) -> pb.AgentToServer:
        for name, status in message.package_statuses.packages.items():
            if status.agent_has_version:
                self._versions = {name: status.agent_has_version, **self._versions}
                status.agent_has_version = self._versions[name]
        return message


@breaks("package-status.offered-version.set:restarted", also=("package-status.offered-hash.set",))
class ForgetsOffersOverRestart(Behaviour):
    """The first message after a start has neither the versions nor the hashes that were offered."""

    def outgoing(self, message: pb.AgentToServer, earlier: Sequence[pb.AgentToServer]) -> pb.AgentToServer:
        return message if earlier else _each(message, _forget_offer)


def _forget_offer(status: pb.PackageStatus) -> None:
    status.ClearField("server_offered_version")
    status.ClearField("server_offered_hash")
