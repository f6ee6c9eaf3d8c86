"""A fleet that loses its server, and comes back at once: every agent connects anew and reports its full status."""

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.locust_user import FleetUser


class AgentsCutOff(FleetUser):
    """A fleet that is cut off every second interval. How long it takes to come back is told at the end."""

    behaviour = Behaviour(outage_every=2.0)
