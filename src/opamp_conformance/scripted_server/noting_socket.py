"""A listening socket that tells of each connection, also of one whose TLS handshake fails later."""

import socket
from collections.abc import Callable


class NotingSocket(socket.socket):
    """Listens at a free port of a host, and calls ``note`` for each connection."""

    def __init__(self, host: str, note: Callable[[], None]) -> None:
        super().__init__(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._note = note
        self.bind((host, 0))
        self.listen()

    def accept(self) -> tuple[socket.socket, object]:
        accepted = super().accept()
        self._note()
        return accepted
