"""Agents that ask for a new instance_uid, as a storm or along a ramp: ``locust -f loadtests/enrollment.py --host URL``.

Each answer is checked, and no instance_uid may be handed out twice in the whole run. It ends when all are enrolled.
"""

from opamp_conformance.load.behaviour import Behaviour
from opamp_conformance.load.locust_user import FleetUser


class EnrollingAgents(FleetUser):
    """A fleet that wants to be enrolled, and nothing else."""

    behaviour = Behaviour(asks=1.0, polls=False)
