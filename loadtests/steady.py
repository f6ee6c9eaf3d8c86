"""An enrolled fleet on an ordinary day: agents check in, and now and then one has something to report."""

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.locust_user import FleetUser


class SteadyAgents(FleetUser):
    """A fleet that comes over one interval, and then checks in with each."""

    behaviour = Behaviour(changes=0.05)
