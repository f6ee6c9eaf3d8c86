"""All kinds of messages, in realistic shares: those of mixed.toml next to this file, or of ``--mix FILE``."""

from pathlib import Path

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.locust_user import FleetUser


class MixedAgents(FleetUser):
    """A realistic fleet."""

    behaviour = Behaviour.read(Path(__file__).with_suffix(".toml"))
