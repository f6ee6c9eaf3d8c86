"""Every scenario of the features as a test, with the steps that belong to them."""

import re
from pathlib import Path

import pytest
from pytest_bdd import scenario

from opamp_conformance import resources
from opamp_conformance.suite.catalogue import load_catalogue
from opamp_conformance.suite.step_lookup import cache_step_lookup
from opamp_conformance.wire.transport import Transport

cache_step_lookup(Path(__file__))

for module in resources.step_modules():
    # Steps are fixtures. As names of this module, they are invisible to all other tests of the session.
    globals().update({name: value for name, value in vars(module).items() if name.startswith("pytestbdd_")})

for entry in load_catalogue().values():

    @pytest.mark.opamp_scenario(entry)
    @scenario(str(entry.path), entry.title)
    def _test(transport: Transport) -> None:
        pass

    # A tag may add a slug to the id of a requirement. With its id as a marker, -m still selects a requirement.
    for requirement in entry.requirements:
        _test = getattr(pytest.mark, requirement.id)(_test)
    globals()["test_" + re.sub(r"\W+", "_", entry.key)] = _test
