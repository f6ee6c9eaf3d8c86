"""Ways in which instances of one server can fail to be one server."""

import hashlib
from collections import Counter
from collections.abc import Callable
from functools import cached_property

import uuid6

from opamp_mock_server.core import Core, Outcome
from opamp_mock_server.core.agent_state import AgentRecord
from opamp_mock_server.deviations.registry import breaks
from opamp_mock_server.instances import Instances
from opamp_mock_server.stores.store import Backend
from opamp_proto import opamp_pb2 as pb


@breaks("fleet.instances.disconnect", also=["fleet.instances.request-uid"])
class NothingShared(Instances):
    """Each instance knows only the agents that it has enrolled itself."""

    def backend(self, first: Backend, another: Callable[[], Backend]) -> Backend:
        return another()


@breaks("fleet.instances.check-in")
class CheckInsRenamed(Instances):
    """Another instance takes whoever checks in for a new agent."""

    def core(self, core: type[Core]) -> type[Core]:
        class Renaming(core):  # type: ignore[misc, valid-type]
            def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
                is_described = message.HasField("agent_description")
                answer: Outcome = (
                    super().check_in(known, message) if is_described else self.under_new_instance_uid(message)
                )
                return answer

        return Renaming


@breaks("fleet.instances.enroll-once")
class ReportsRenamed(Instances):
    """Another instance takes whoever describes itself for a new agent, with an instance_uid that is in use."""

    def core(self, core: type[Core]) -> type[Core]:
        class Renaming(core):  # type: ignore[misc, valid-type]
            def check_in(self, known: AgentRecord, message: pb.AgentToServer) -> Outcome:
                is_described = message.HasField("agent_description")
                answer: Outcome = (
                    self.under_new_instance_uid(message) if is_described else super().check_in(known, message)
                )
                return answer

            def enroll(self, message: pb.AgentToServer) -> Outcome:
                under_new_instance_uid: Outcome = self.under_new_instance_uid(message)
                return under_new_instance_uid

        return Renaming


@breaks("fleet.instances.unique")
class SameSequence(Core):
    """All instances give the agents that ask with one instance_uid the same new ones, in the same order."""

    @cached_property
    def _asked(self) -> Counter[bytes]:
        return Counter()

    def new_instance_uid(self, message: pb.AgentToServer) -> bytes:
        self._asked[message.instance_uid] += 1
        seed = message.instance_uid + self._asked[message.instance_uid].to_bytes(4, "big")
        # The time to a few minutes, and version and variant in their places; the rest is no surprise.
        now, rest = uuid6.uuid7().bytes, hashlib.sha256(seed).digest()
        return now[:3] + b"\0\0\0" + bytes([0x70 | rest[6] & 0x0F, rest[7], 0x80 | rest[8] & 0x3F]) + rest[9:16]
