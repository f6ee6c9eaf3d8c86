"""A TCP port at which nothing listens."""

import socket


class DeadPort:
    """Refuses connections until it is closed. It is reserved meanwhile, so that no other program listens there."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket()
        self._socket.bind((host, 0))
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        self._socket.close()
