"""Deviations: the server as it is but for one requirement, so that a suite can be seen to fail.

A deviation is a subclass of the core or of a transport that changes one of its decisions; its docstring says
how. Its id is the requirement it breaks, with ``:variant`` where one can be broken in several ways.
"""

from opamp_mock_server.deviations.registry import DEVIATIONS, Deviation, deviating

# Importing a chapter registers its deviations.
from opamp_mock_server.deviations import (  # isort: skip
    authentication as _authentication,
    bad_request as _bad_request,
    enrollment as _enrollment,
    identification as _identification,
    plain_http as _plain_http,
    status_reporting as _status_reporting,
)

__all__ = ["DEVIATIONS", "Deviation", "deviating"]
