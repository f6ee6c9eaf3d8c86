"""Locust's own user, posting the same bytes over and over: what a message costs without any thought."""

from locust import FastHttpUser, constant, task

from opamp_conformance.client.agent import Agent

BODY = Agent("benchmark").full_status().SerializeToString()


class Bare(FastHttpUser):
    """Posts, and looks at nothing."""

    wait_time = constant(0)

    @task
    def post(self) -> None:
        self.client.post("", data=BODY, headers={"Content-Type": "application/x-protobuf"}, name="post")
