"""Something of everything, in realistic shares: those of mixed.toml beside this file, or of ``--mix FILE``."""

from pathlib import Path

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.locust_user import FleetUser


class MixedAgents(FleetUser):
    """A fleet as it is met with."""

    behaviour = Behaviour.read(Path(__file__).with_suffix(".toml"))
