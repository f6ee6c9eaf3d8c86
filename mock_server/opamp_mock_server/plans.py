"""What the operator wants agents to have, and where to keep it."""

from opamp_mock_server.records import Plan


class Plans:
    """The plans by instance_uid, also for agents that are yet to come. They live and die with the process."""

    def __init__(self) -> None:
        self._plans: dict[bytes, Plan] = {}

    def get(self, instance_uid: bytes) -> Plan | None:
        """Return the plan for an agent, None if there is none."""
        return self._plans.get(instance_uid)

    def put(self, instance_uid: bytes, plan: Plan) -> None:
        self._plans[instance_uid] = plan

    def delete(self, instance_uid: bytes) -> None:
        self._plans.pop(instance_uid, None)
