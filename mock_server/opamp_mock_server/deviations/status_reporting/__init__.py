"""Deviations from Status Reporting: in the replies to reports, and in what the server keeps of them."""

from opamp_mock_server.deviations.status_reporting import error_replies, reports, sequence_numbers

__all__ = ["error_replies", "reports", "sequence_numbers"]
