"""Every scenario of the features as a test, with the steps that belong to them."""

import re
from pathlib import Path

import pytest
from pytest_bdd import scenario

from opamp_conformance import resources
from opamp_conformance.catalogue import load_catalogue
from opamp_conformance.suite.lookup import remember_steps_of
from opamp_conformance.transports import Transport

remember_steps_of(Path(__file__))

for module in resources.step_modules():
    # Steps are fixtures; as names of this module they concern no other test of the session.
    globals().update({name: value for name, value in vars(module).items() if name.startswith("pytestbdd_")})

for entry in load_catalogue().values():

    @pytest.mark.opamp_scenario(entry)
    @scenario(str(entry.path), entry.name)
    def _test(transport: Transport) -> None:
        pass

    globals()["test_" + re.sub(r"\W+", "_", entry.name.lower()).strip("_")] = _test
