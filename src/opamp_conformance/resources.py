"""Where features, steps and locustfiles are: next to ``src/`` in a checkout, in the package in a wheel."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

_PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """Return the folder ``features``, ``steps`` or ``loadtests``."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent.parent / name


def step_modules(of: str = "") -> Iterator[ModuleType]:
    """Load the modules that define the steps of scenarios about servers, or those of a folder in ``steps``."""
    for path in sorted((folder("steps") / of).glob("*.py")):
        name = f"_opamp_conformance_steps_{of}_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"cannot load {path}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        yield module
