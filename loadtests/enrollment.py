"""Agents that ask for a new instance_uid, one after the other: ``locust -f loadtests/enrollment.py --host URL``.

URL is that of the endpoint, /v1/opamp and all; OPAMP_AUTHORIZATION may hold the Authorization header.
"""

import os

from locust import FastHttpUser, constant, task

from opamp_conformance.agent import REQUEST_INSTANCE_UID, Agent
from opamp_proto import CONTENT_TYPE, INSTANCE_UID_BYTES
from opamp_proto import opamp_pb2 as pb


class EnrollingAgent(FastHttpUser):
    """Each task is one agent that nobody knows; a reply that breaks the contract is a failure."""

    wait_time = constant(0)
    insecure = False

    def on_start(self) -> None:
        self._headers = {"Content-Type": CONTENT_TYPE}
        if authorization := os.environ.get("OPAMP_AUTHORIZATION"):
            self._headers["Authorization"] = authorization

    @task
    def enroll(self) -> None:
        agent = Agent("load")
        body = agent.full_status(flags=REQUEST_INSTANCE_UID).SerializeToString()
        with self.client.post("", data=body, headers=self._headers, name="enrollment", catch_response=True) as response:
            if response.status_code != 200 or not response.content:
                response.failure(f"status {response.status_code}")
                return
            reply = pb.ServerToAgent.FromString(response.content)
            if reply.HasField("error_response"):
                response.failure(f"error_response {reply.error_response.error_message}")
            elif reply.instance_uid != agent.instance_uid:
                response.failure("fleet.request-uid.echo")
            elif len(reply.agent_identification.new_instance_uid) != INSTANCE_UID_BYTES:
                response.failure("identification.new-instance-uid.length")
