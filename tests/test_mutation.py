"""The mutants of a module: what is changed, one thing at a time."""

import ast

from support.mutation import mutations

SOURCE = """
def answer(message, reply):
    if message.flags and message.uid:
        reply.flags = 1
        reply.send()
    return reply
"""


def test_each_mutant_has_one_change() -> None:
    found = {mutation.description: ast.unparse(mutation.tree) for mutation in mutations(SOURCE)}
    original = ast.unparse(ast.parse(SOURCE)).splitlines()
    assert len(found) == 6
    for description, changed in found.items():
        differing = [pair for pair in zip(original, changed.splitlines(), strict=True) if pair[0] != pair[1]]
        assert len(differing) == 1, description


def test_what_stays_false_is_no_mutant() -> None:
    assert list(mutations("def is_known():\n    return False\n")) == []
