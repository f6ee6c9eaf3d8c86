"""Deviations: the server as it is but for one requirement, so that a suite can be seen to fail.

A deviation is a subclass of a part of the server that changes one of its decisions; its docstring says
how. Its id is the requirement it breaks, with ``:variant`` where one can be broken in several ways.
"""

# Importing a chapter registers its deviations.
from opamp_mock_server.deviations import (  # noqa: F401
    authentication,
    bad_request,
    commands,
    communication,
    connection_settings,
    connections,
    custom_messages,
    documents,
    enrollment,
    identification,
    instances,
    interoperability,
    packages,
    plain_http,
    remote_config,
    status_reporting,
    websocket,
)
from opamp_mock_server.deviations.registry import DEVIATIONS, CannotDeviate, Deviation, assemble

__all__ = ["DEVIATIONS", "CannotDeviate", "Deviation", "assemble"]
