"""What a scenario can assert of the files of packages."""

from opamp_conformance.expect import that
from opamp_conformance.transports.http import Response


def whole(download: Response, content: bytes) -> None:
    that(download.status == 200, "the status 200", str(download))
    that(download.body == content, f"the {len(content)} bytes of the package", f"{len(download.body)} bytes")


def rest(download: Response, content: bytes) -> None:
    that(download.status == 206, "the status 206", str(download))
    that(download.body == content, f"the last {len(content)} bytes of the package", f"{len(download.body)} bytes")
