"""A fleet that loses its server and comes back at once: every agent connects again and reports its full status."""

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.locust_user import FleetUser


class AgentsCutOff(FleetUser):
    """A fleet that loses its connections every second interval. The summary has the times of recovery."""

    behaviour = Behaviour(outage_every=2.0)
