"""Agents that request a new instance_uid, all at once or along a ramp.

In Locust: ``locust -f loadtests/enrollment.py --host URL``.

Each answer is checked, and no instance_uid may be announced twice in the whole run. It ends when all are enrolled.
"""

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.locust_user import FleetUser


class EnrollingAgents(FleetUser):
    """A fleet that only enrolls."""

    behaviour = Behaviour(asks=1.0, polls=False)
