"""Packages: what to download of an offer, and the status of each package ("Downloading Packages")."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.saved_state import SavedState
from opamp_proto import opamp_pb2 as pb


@dataclass(frozen=True)
class Download:
    """A file to download for a package: its URL, and the headers to send."""

    name: str
    url: str
    headers: tuple[tuple[str, str], ...]


class Packages:
    """The packages of the agent. The statuses are part of its saved state."""

    def __init__(self, state: SavedState, behaviour: Behaviour) -> None:
        self._state = state
        self._behaviour = behaviour
        self._offer = pb.PackagesAvailable()

    @property
    def statuses(self) -> pb.PackageStatuses:
        return self._state.package_statuses

    def take(self, offer: pb.PackagesAvailable) -> Sequence[Download]:
        """Take an offer, and return what has to be downloaded."""
        if self._has_all(offer) and self._behaviour.skips_same_package_set:
            return ()
        self._offer.CopyFrom(offer)
        self.statuses.server_provided_all_packages_hash = offer.all_packages_hash
        for name in set(self.statuses.packages) - set(offer.packages):
            if self._behaviour.deletes_packages:
                del self.statuses.packages[name]
                self._state.file_hashes.pop(name, None)
        return list(self._downloads())

    def downloading(self, name: str) -> None:
        """Note that the download of a package has begun."""
        status = self.statuses.packages[name]
        status.status = pb.PackageStatusEnum_Downloading
        status.ClearField("error_message")

    def installed(self, name: str) -> None:
        """Note that the agent has a package as offered."""
        offered, status = self._offer.packages[name], self.statuses.packages[name]
        status.agent_has_version, status.agent_has_hash = offered.version, offered.hash
        status.status = pb.PackageStatusEnum_Installed
        status.ClearField("error_message")
        status.ClearField("download_details")
        self._state.file_hashes[name] = offered.file.content_hash

    def failed(self, name: str, error: str) -> None:
        """Note that a package could not be installed; the agent keeps the version that it has."""
        status = self.statuses.packages[name]
        status.status, status.error_message = pb.PackageStatusEnum_InstallFailed, error
        status.ClearField("download_details")

    def _has_all(self, offer: pb.PackagesAvailable) -> bool:
        are_installed = all(
            status.status == pb.PackageStatusEnum_Installed for status in self.statuses.packages.values()
        )
        return (
            bool(offer.all_packages_hash)
            and offer.all_packages_hash == self.statuses.server_provided_all_packages_hash
            and are_installed
        )

    def _downloads(self) -> Iterator[Download]:
        """Yield a download for each package whose file the agent lacks, and note what was offered."""
        for name, offered in self._offer.packages.items():
            status = self.statuses.packages[name]
            status.name = name
            status.server_offered_version, status.server_offered_hash = offered.version, offered.hash
            is_same_package = bool(status.agent_has_hash) and status.agent_has_hash == offered.hash
            if not self._behaviour.compares_package_hashes:
                is_same_package = status.agent_has_version == offered.version
            is_same_file = name in self._state.file_hashes and (
                self._state.file_hashes[name] == offered.file.content_hash
            )
            if is_same_package and self._behaviour.skips_same_package:
                continue
            if status.agent_has_hash and not self._behaviour.updates_packages:
                continue
            is_older = offered.version < status.agent_has_version
            if is_older and not self._behaviour.takes_older_packages:
                continue
            if is_same_file and self._behaviour.skips_same_file:
                self.installed(name)
                continue
            status.status = pb.PackageStatusEnum_InstallPending
            status.ClearField("error_message")
            headers = tuple((header.key, header.value) for header in offered.file.headers.headers)
            yield Download(name, offered.file.download_url, headers)
