"""The bundled mock server as a target: the one place where the suite knows of it."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from opamp_conformance.ledger import Contract
from opamp_conformance.targets import Endpoint
from opamp_mock_server import MockServer, Settings


class MockTarget:
    """A mock server on a free port of this machine, that asks for an enrollment key."""

    name = "mock"
    contracts: Sequence[Contract] = tuple(Contract)
    is_shared = False
    arguments: Sequence[str] = ()

    def __init__(self, settings: Settings = Settings()) -> None:
        self._settings = settings

    @contextmanager
    def start(self) -> Iterator[Endpoint]:
        key = secrets.token_urlsafe(16)
        with MockServer(replace(self._settings, enrollment_keys=(key,), control=True)) as server:
            yield Endpoint(server.url, {"Authorization": f"ApiKey {key}"}, control=server.control_url)
