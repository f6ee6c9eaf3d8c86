"""The control plane of the mock server."""
