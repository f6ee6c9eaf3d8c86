"""The conformance suite for OpAMP: what h2spec is for HTTP/2."""

from importlib.metadata import version

__version__ = version("opamp-conformance")
