"""Deviations from the enrollment contract of Fleet Server, a module for each of its features."""

from opamp_mock_server.deviations.enrollment import (
    disconnect,
    keys,
    new_instance_uid,
    request_instance_uid,
    without_the_flag,
)

__all__ = ["disconnect", "keys", "new_instance_uid", "request_instance_uid", "without_the_flag"]
