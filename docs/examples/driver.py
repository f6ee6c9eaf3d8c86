"""A driver for an agent on opentelemetry-opamp-client: ``opamp-conformance run --driver 'python driver.py'``."""

import json
import sys

from opentelemetry._opamp.agent import OpAMPAgent
from opentelemetry._opamp.callbacks import OpAMPCallbacks
from opentelemetry._opamp.client import OpAMPClient


class Driver:
    """Each verb is a method; it gets the request."""

    def __init__(self) -> None:
        self.agent = None

    def start(self, request: dict) -> None:
        client = OpAMPClient(
            endpoint=request["url"],
            headers={},
            timeout_millis=5000,
            agent_identifying_attributes={"service.name": "python-agent"},
        )
        self.agent = OpAMPAgent(interval=1, callbacks=OpAMPCallbacks(), client=client)
        self.agent.start()

    def stop(self, request: dict) -> None:
        if self.agent is not None:
            self.agent.stop()
            self.agent = None


def main() -> None:
    driver = Driver()
    verbs = {"start": driver.start, "stop": driver.stop}
    print(json.dumps({"verbs": list(verbs)}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"id": request["id"], "ok": False}
        try:
            verbs[request["verb"]](request)
            answer["ok"] = True
        except Exception as error:
            answer["error"] = repr(error)
        print(json.dumps(answer), flush=True)
    driver.stop({})


if __name__ == "__main__":
    main()
