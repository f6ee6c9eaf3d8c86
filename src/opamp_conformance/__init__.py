"""The conformance suite for OpAMP. h2spec is a similar suite for HTTP/2."""

__version__ = "0.1.0"
