"""An enrolled fleet: agents check in, and sometimes report a change."""

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.locust_user import FleetUser


class SteadyAgents(FleetUser):
    """A fleet that enrolls within one interval, and then checks in once per interval."""

    behaviour = Behaviour(changes=0.05)
