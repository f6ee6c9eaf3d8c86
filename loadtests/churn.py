"""Agents that disconnect and enroll again under a new instance_uid; some of them send the request twice."""

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.locust_user import FleetUser


class ComingAndGoing(FleetUser):
    """A fleet of which a fifth disconnects at each check-in."""

    behaviour = Behaviour(asks=1.0, churn=0.2, duplicates=0.05)
