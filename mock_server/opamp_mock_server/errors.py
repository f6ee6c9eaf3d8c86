"""The base class of all errors that the mock server raises."""


class MockServerError(Exception):
    """An error of the mock server, with one line of text for people."""
