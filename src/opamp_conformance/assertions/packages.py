"""Packages (PackagesAvailable, DownloadableFile)."""

import hashlib
from collections.abc import Mapping
from typing import Final

from opamp_conformance.actions.offers import PACKAGE
from opamp_conformance.assertions.common import another_hash, described, processed, require
from opamp_conformance.checks.offer_memory import without_hash
from opamp_conformance.errors import NotApplicableError, PreconditionFailedError
from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpResponse
from opamp_proto import opamp_pb2 as pb

_MIN_HASH_BYTES: Final = 16
"""The length that a strong hash needs at least (PackagesAvailable.all_packages_hash)."""


def offered(exchange: Exchange) -> None:
    """Assert that the package of the scenarios is offered (PackagesAvailable.packages)."""
    require(PACKAGE in _packages(exchange), f"the package {PACKAGE!r}", described(exchange))


def all_offered(exchange: Exchange, *names: str) -> None:
    """Assert that all packages with these names are offered (PackagesAvailable.packages)."""
    got = _packages(exchange)
    require(set(names) <= set(got), f"the packages {', '.join(names)}", ", ".join(sorted(got)) or described(exchange))


def version(exchange: Exchange, expected: str) -> None:
    """Assert that the package has the version that the operator gave it (PackageAvailable.version)."""
    got = _packages(exchange)[PACKAGE].version
    require(got == expected, f"the version {expected}", got or "none")


def any_offered(exchange: Exchange) -> None:
    """Assert that at least one package is offered (PackagesAvailable.packages)."""
    require(_packages(exchange), "a package", described(exchange))


def offered_again(exchange: Exchange, before: Exchange) -> None:
    """Assert that all packages of an earlier offer are offered (PackageStatuses.server_provided_all_packages_hash)."""
    names = set(_packages(before))
    require(names <= set(_packages(exchange)), f"the packages {', '.join(sorted(names))}", described(exchange))


def same_hashes(exchange: Exchange, before: Exchange) -> None:
    """Assert that packages that two offers describe alike have the same hashes (PackageAvailable.hash).

    The hash also covers the URL and the headers of the download, which a server may make anew for each offer.
    """
    packages, earlier = _packages(exchange), _packages(before)
    if not packages:
        raise PreconditionFailedError("package-status.server-offers-on-mismatch", "the packages are not offered again")
    alike = [
        name for name in packages if name in earlier and without_hash(packages[name]) == without_hash(earlier[name])
    ]
    if not alike:
        raise NotApplicableError("the server describes the package differently in each offer")
    for name in sorted(alike):
        now, then = packages[name].hash, earlier[name].hash
        require(now == then, f"the hash {then.hex()} of the package {name!r} again", now.hex() or "none")


def none_offered(exchange: Exchange) -> None:
    """Assert that no packages are offered (ServerToAgent.packages_available)."""
    require(not exchange.everything.HasField("packages_available"), "no packages_available", "packages_available")


def long_hashes(exchange: Exchange) -> None:
    """Assert that the hashes of an offer are long enough to be strong, in bytes (Package Hash)."""
    offer = exchange.reply.packages_available
    hashes = [offer.all_packages_hash, *(entry.hash for entry in offer.packages.values())]
    lengths = [len(hash_) for hash_ in hashes if hash_]
    if not lengths:
        raise PreconditionFailedError("packages.all-hash-set", "the offer has no hash")
    shortest = min(lengths)
    require(shortest >= _MIN_HASH_BYTES, f"hashes of {_MIN_HASH_BYTES} bytes or more", f"{shortest} bytes")


def top_level(exchange: Exchange) -> None:
    """Assert that the package is a top-level package (PackageAvailable.type)."""
    kind = _packages(exchange)[PACKAGE].type
    require(kind == pb.PackageType_TopLevel, "a top-level package", f"the type {kind}")


def all_downloaded(downloads: Mapping[str, HttpResponse]) -> None:
    """Assert that each download has the status 200 and a file (DownloadableFile.download_url)."""
    for name, download in downloads.items():
        require(download.status == 200 and download.body, f"the status 200 and the file of {name!r}", str(download))


def sha256_of_each(exchange: Exchange, downloads: Mapping[str, HttpResponse]) -> None:
    """Assert that content_hash is the SHA-256 of each file (DownloadableFile.content_hash)."""
    for name, download in downloads.items():
        if download.status != 200:
            raise PreconditionFailedError("packages.url-http-get", f"{name!r}: {download}")
        got, right = _packages(exchange)[name].file.content_hash, hashlib.sha256(download.body).digest()
        require(got == right, f"the SHA-256 of the file of {name!r}", got.hex() or "none")


def another_all_packages_hash(exchange: Exchange, before: bytes) -> None:
    """Assert that the hash of all packages differs from the one ``before``."""
    another_hash(processed(exchange).packages_available.all_packages_hash, before, "all_packages_hash")


def another_package_hash(exchange: Exchange, before: Exchange) -> None:
    """Assert that the hash of the package differs from that of an earlier offer (PackageAvailable.hash)."""
    another_hash(_package_hash(exchange), _package_hash(before), "hash of the package")


def downloaded(download: HttpResponse, content: bytes) -> None:
    """Assert that a download has the status 200 and exactly this content (DownloadableFile.download_url)."""
    require(download.status == 200, "the status 200", str(download))
    require(download.body == content, f"the {len(content)} bytes of the package", f"{len(download.body)} bytes")


def all_resumed(downloads: Mapping[str, HttpResponse], earlier: Mapping[str, HttpResponse]) -> None:
    """Assert that downloads from the fourth byte on have the rest of the files (RFC 9110, section 14)."""
    for name, download in downloads.items():
        rest = earlier[name].body[3:]
        require(download.status == 206, "the status 206", str(download))
        require(download.body == rest, f"the last {len(rest)} bytes of {name!r}", f"{len(download.body)} bytes")


def first_bytes(downloads: Mapping[str, HttpResponse], earlier: Mapping[str, HttpResponse], count: int) -> None:
    """Assert that downloads have only the first ``count`` bytes of the files (RFC 9110, section 14)."""
    for name, download in downloads.items():
        wanted = earlier[name].body[:count]
        require(download.status == 206, "the status 206", str(download))
        require(download.body == wanted, f"the first {count} bytes of {name!r}", f"{len(download.body)} bytes")


def _packages(exchange: Exchange) -> dict[str, pb.PackageAvailable]:
    return dict(processed(exchange).packages_available.packages)


def _package_hash(exchange: Exchange) -> bytes:
    package = _packages(exchange).get(PACKAGE)
    return b"" if package is None else package.hash
