"""Deviations from the contract of several instances: the instances do not act as one server."""

import hashlib
from collections import Counter
from collections.abc import Callable
from functools import cached_property

import uuid6

from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.core.core import Core, Outcome
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.instances import Instances
from opamp_mock_server.stores.store import Backend
from opamp_proto import opamp_pb2 as pb


@breaks("fleet.instances.disconnect", also=["fleet.instances.request-uid"])
class InstancesShareNothing(Instances):
    """Each instance knows only the agents that it enrolled itself."""

    def backend(self, first: Backend, another: Callable[[], Backend]) -> Backend:
        return another()


@breaks("fleet.instances.check-in")
class NewInstanceUidOnCheckIn(Instances):
    """Another instance treats an agent that checks in as a new agent."""

    def core(self, core: type[Core]) -> type[Core]:
        class CoreOfOtherInstance(core):  # type: ignore[misc, valid-type]
            def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
                is_described = message.HasField("agent_description")
                answer: Outcome = (
                    super().check_in(known, message) if is_described else self.enroll_under_new_instance_uid(message)
                )
                return answer

        return CoreOfOtherInstance


@breaks("fleet.instances.enroll-once")
class NewInstanceUidOnReport(Instances):
    """Another instance treats an agent that sends its description as a new agent whose instance_uid is in use."""

    def core(self, core: type[Core]) -> type[Core]:
        class CoreOfOtherInstance(core):  # type: ignore[misc, valid-type]
            def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
                is_described = message.HasField("agent_description")
                answer: Outcome = (
                    self.enroll_under_new_instance_uid(message) if is_described else super().check_in(known, message)
                )
                return answer

            def enroll(self, message: pb.AgentToServer) -> Outcome:
                enroll_under_new_instance_uid: Outcome = self.enroll_under_new_instance_uid(message)
                return enroll_under_new_instance_uid

        return CoreOfOtherInstance


@breaks("fleet.instances.unique")
class SameNewInstanceUids(Core):
    """All instances assign the same new_instance_uids, in the same order, to requests with the same instance_uid."""

    @cached_property
    def _requests(self) -> Counter[bytes]:
        return Counter()

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        self._requests[message.instance_uid] += 1
        seed = message.instance_uid + self._requests[message.instance_uid].to_bytes(4, "big")
        # The timestamp is rounded to some hours; version and variant are correct. The rest depends only on the request.
        now, rest = uuid6.uuid7().bytes, hashlib.sha256(seed).digest()
        return now[:3] + b"\0\0\0" + bytes([0x70 | rest[6] & 0x0F, rest[7], 0x80 | rest[8] & 0x3F]) + rest[9:16]
