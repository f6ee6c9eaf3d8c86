"""The log lines of mock servers, for tests that wait for a message."""

import contextlib
import logging
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from opamp_mock_server import MockServer, Settings

AUTHORIZATION = "ApiKey tests-only"


@dataclass
class Messages(logging.Handler):
    """The messages to mock servers, as lines ``<instance_uid> #<sequence_num> <fields> -> <reply>``."""

    lines: "queue.Queue[str]" = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        super().__init__()

    def __hash__(self) -> int:
        return id(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put(record.getMessage())

    def wait_for(self, *parts: str, seconds: float = 20) -> str:
        """Wait for a message whose line has all parts; drop the lines before it."""
        seen = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                seen.append(self.lines.get(timeout=left))
                if all(part in seen[-1] for part in parts):
                    return seen[-1]
        raise AssertionError(f"no message with {parts} among {seen}")

    def wait_for_each(self, sender: str, *parts: str) -> None:
        """Wait until each part was in some message of the sender."""
        missing = set(parts)
        while missing:
            line = self.wait_for(sender)
            missing -= {part for part in missing if part in line}


@contextlib.contextmanager
def listening() -> Iterator[Messages]:
    """Collect the log lines of all mock servers in this process."""
    logger, messages = logging.getLogger("opamp_mock_server.messages"), Messages()
    level = logger.level
    logger.addHandler(messages)
    logger.setLevel(logging.INFO)
    try:
        yield messages
    finally:
        logger.removeHandler(messages)
        logger.setLevel(level)


def mock_server(*, port: int = 0, **settings: object) -> MockServer:
    """Return a mock server that requires AUTHORIZATION."""
    key = AUTHORIZATION.partition(" ")[2]
    return MockServer(Settings(port=port, enrollment_keys=(key,), **settings))  # type: ignore[arg-type]
