"""Walks against the mock server, with and without deviations."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from opamp_conformance.client.client import Client
from opamp_conformance.client.run_log import RunLog
from opamp_conformance.client.timing import Timing
from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.targets.mock import MockTarget
from opamp_conformance.walks.walker import Walker
from opamp_conformance.wire.transport import Transport
from opamp_mock_server import DEVIATIONS, Settings

TIMEOUT = 3.0


@contextmanager
def walker_on_mock(*deviations: str, contracts: Sequence[Contract] = tuple(Contract)) -> Iterator[Walker]:
    """Start a mock server that deviates, and give the walker that goes walks on it."""
    target = MockTarget(Settings(deviations=tuple(DEVIATIONS[deviation] for deviation in deviations)))
    with target.start() as endpoint, ExitStack() as stack:
        log, timing = RunLog(), Timing(TIMEOUT)
        clients = {
            transport: stack.enter_context(Client(endpoint, timing, transport, log, "walk")) for transport in Transport
        }
        yield Walker(clients, log, "walk", contracts)
