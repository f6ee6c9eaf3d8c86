"""The conformance suite for OpAMP. h2spec is a similar suite for HTTP/2."""

from importlib.metadata import version

__version__ = version("opamp-conformance")
