"""Deviations: the server as it is except for one requirement, so that a suite can be seen to fail.

A deviation is a subclass of a part of the server that changes one of its decisions; its docstring says
how. Its id is the requirement it breaks, with ``:variant`` where one can be broken in several ways.
"""

from importlib import import_module
from pkgutil import iter_modules

from opamp_mock_server.deviations.registry import DEVIATIONS, Deviation, DeviationError, apply_deviations

__all__ = ["DEVIATIONS", "Deviation", "DeviationError", "apply_deviations"]

# A chapter registers its deviations when it is imported.
for _chapter in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_chapter}")
