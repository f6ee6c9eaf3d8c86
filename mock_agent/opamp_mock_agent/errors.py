"""The errors of the agent."""


class MockAgentError(Exception):
    """Base class of all errors that this package raises on purpose."""


class SettingsError(MockAgentError):
    """The agent cannot be started with its settings."""


class ConnectionFailedError(MockAgentError):
    """A connection cannot be made, was refused, or has ended.

    ``retry_after`` is how many seconds the server asks to wait, None if it does not ask. ``is_refusal`` says that the
    server answered, with a status that it can only give on purpose. ``is_too_large`` says that it refused the request
    because of its size.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry_after: float | None = None,
        is_refusal: bool = False,
        is_too_large: bool = False,
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.is_refusal = is_refusal
        self.is_too_large = is_too_large
