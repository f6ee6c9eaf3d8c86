"""Agents that come and go: they take leave, enroll again under a new instance_uid, and some ask twice."""

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.locust_user import FleetUser


class ComingAndGoing(FleetUser):
    """A fleet of which a fifth leaves at each check-in."""

    behaviour = Behaviour(asks=1.0, churn=0.2, duplicates=0.05)
