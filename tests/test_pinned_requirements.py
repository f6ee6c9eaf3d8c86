"""The requirements of the image: each is pinned and hashed, and together they satisfy pyproject.toml."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.peers import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OPTIONAL = PROJECT["project"]["optional-dependencies"]
NEEDED = {
    "requirements.txt": [*PROJECT["project"]["dependencies"], *OPTIONAL["elasticsearch"], *OPTIONAL["load"]],
    "build-requirements.txt": PROJECT["build-system"]["requires"],
}


def pinned(name: str) -> dict[str, tuple[Requirement, str]]:
    """Return the requirements of a file by their names, each with the text of its hashes."""
    text = (ROOT / "deploy" / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found = [line.partition(" --hash=") for line in text.splitlines() if line and not line.startswith("#")]
    requirements = [(Requirement(head.strip()), hashes) for head, _, hashes in found]
    return {canonicalize_name(requirement.name): (requirement, hashes) for requirement, hashes in requirements}


@pytest.mark.parametrize("name", NEEDED)
def test_each_requirement_has_one_version_and_hashes(name: str) -> None:
    for requirement, hashes in pinned(name).values():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert re.match(r"sha256:[0-9a-f]{64}\b", hashes), requirement


@pytest.mark.parametrize("name", NEEDED)
def test_the_pinned_versions_satisfy_the_project(name: str) -> None:
    versions = {key: next(iter(requirement.specifier)).version for key, (requirement, _) in pinned(name).items()}
    for needed in map(Requirement, NEEDED[name]):
        assert needed.specifier.contains(versions[canonicalize_name(needed.name)]), needed
