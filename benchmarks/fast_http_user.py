"""The user of Locust, which sends the same bytes repeatedly: the cost of a message without any logic."""

from locust import FastHttpUser, constant, task

from opamp_conformance.client.agent import Agent

BODY = Agent("benchmark").full_status().SerializeToString()


class Bare(FastHttpUser):
    """Sends requests, and does not look at the responses."""

    wait_time = constant(0)

    @task
    def post(self) -> None:
        self.client.post("", data=BODY, headers={"Content-Type": "application/x-protobuf"}, name="post")
