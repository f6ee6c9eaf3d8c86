"""Deviations: the agent as it is except for one requirement, so that a suite can be seen to fail.

A deviation is a subclass of ``Behaviour`` that changes one decision; its docstring says how. Its id is the requirement
it breaks, with ``:variant`` where one can be broken in several ways.
"""

from importlib import import_module
from pkgutil import iter_modules

from opamp_mock_agent.deviations.registry import DEVIATIONS, Deviation, behaviour_with

__all__ = ["DEVIATIONS", "Deviation", "behaviour_with"]

# A chapter registers its deviations when it is imported.
for _chapter in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_chapter}")
