"""Mutants of the mock server: one statement of a module is changed at a time, and the suite has to notice.

``python -m support.mutation MODULE …`` lists the mutants that the suite does not notice. A mutant that survives shows a
missing scenario, or a change that no agent can see.
"""

import ast
import copy
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

TIMEOUT_SECONDS = 120
MUTANT = "OPAMP_MUTANT"
"""The environment variable by which a process knows its mutant: a module, and the number of the change."""


@dataclass(frozen=True)
class Mutation:
    """One change to a module: where it is, what it does, and the changed code."""

    line: int
    description: str
    tree: ast.Module


def mutations(source: str) -> Iterator[Mutation]:
    """Yield each change to a module: conditions negated, calls and assignments left out, values replaced."""
    original = ast.parse(source)
    for number, node in enumerate(ast.walk(original)):
        for description, change in changes(node):
            tree = copy.deepcopy(original)
            change(list(ast.walk(tree))[number])
            yield Mutation(getattr(node, "lineno", 0), description, ast.fix_missing_locations(tree))


def changes(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield what can be changed about a node: a description, and a function that changes its copy."""
    match node:
        case ast.If() | ast.While() | ast.IfExp():
            yield f"not ({ast.unparse(node.test)})", _negate
        case ast.BoolOp():
            yield f"and and or are swapped in: {ast.unparse(node)}", _swap
        case ast.Return(value=ast.Constant(value=None | False)):
            pass  # It would return nothing, or something that is as false.
        case ast.Return(value=ast.expr()):
            yield f"returns None instead of: {ast.unparse(node.value)}", _return_nothing
        case ast.Constant(value=int()) if not isinstance(node.value, bool):
            yield f"{node.value} is one more", _increase
        case _:
            pass
    for position, statement in enumerate(getattr(node, "body", []) if isinstance(node, ast.stmt) else []):
        is_call = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call | ast.Await)
        is_field = isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Attribute)
        if is_call or is_field:
            yield f"left out: {ast.unparse(statement)}", _without(position)


def _negate(node: Any) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _swap(node: Any) -> None:
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()


def _return_nothing(node: Any) -> None:
    node.value = ast.Constant(None)


def _increase(node: Any) -> None:
    node.value += 1


def _without(position: int) -> Any:
    def remove(node: Any) -> None:
        node.body[position] = ast.Pass()

    return remove


def install(module: str, number: int) -> None:
    """Let this process import a mutant in the place of a module."""
    path = _path(module)
    tree = list(mutations(path.read_text(encoding="utf-8")))[number].tree
    original = SourceFileLoader.get_code

    # Not the loader of one module: the packages above it are imported first, and they load it in their own way.
    def get_code(loader: SourceFileLoader, name: str) -> CodeType | None:
        return compile(tree, str(path), "exec") if name == module else original(loader, name)

    SourceFileLoader.get_code = get_code  # type: ignore[assignment]


def is_noticed(module: str, number: int) -> bool:
    """Return whether the suite fails on a mutant, or the mutant does not even run."""
    command = [sys.executable, "-m", "support.mutation"]
    environment = {**os.environ, MUTANT: f"{module}:{number}"}
    try:
        ended = subprocess.run(command, env=environment, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return True
    return ended.returncode != 0


def survivors(module: str) -> tuple[int, list[Mutation]]:
    """Return how many mutants a module has, and those that the suite does not notice."""
    found = list(mutations(_path(module).read_text(encoding="utf-8")))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        noticed = pool.map(lambda number: is_noticed(module, number), range(len(found)))
    return len(found), [mutation for mutation, is_seen in zip(found, noticed, strict=True) if not is_seen]


def _path(module: str) -> Path:
    """Return the file of a module, without an import of it."""
    package, *rest = module.split(".")
    spec = importlib.util.find_spec(package)
    [folder] = spec.submodule_search_locations or [] if spec is not None else []
    return Path(folder, *rest).with_suffix(".py")


def main(modules: Sequence[str]) -> None:
    for module in modules:
        count, left = survivors(module)
        sys.stdout.write(f"{module}: {count - len(left)} of {count} mutants are noticed\n")
        for mutation in left:
            sys.stdout.write(f"  line {mutation.line}: {mutation.description}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if MUTANT in os.environ:
        wanted, _, index = os.environ.pop(MUTANT).rpartition(":")
        install(wanted, int(index))
        from opamp_conformance.__main__ import main as run_suite

        sys.argv = ["opamp-conformance", "run", "--strict"]
        sys.exit(run_suite())
    main(sys.argv[1:])
