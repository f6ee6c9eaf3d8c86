"""TLS handshakes that fail. Neither asyncio nor uvloop tells of them, but both let an SSLObject do the handshake."""

import ssl
from collections.abc import Callable


def noting_failures(note: Callable[[str], None]) -> type[ssl.SSLObject]:
    """Return the class of objects that tell why a handshake has failed; for ``SSLContext.sslobject_class``."""

    class NotingObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                note(error.reason or str(error))
                raise

    return NotingObject
