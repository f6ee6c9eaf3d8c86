"""An agent that can be graded: by a command that starts it, by a driver, or one that was started by hand."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from opamp_conformance.ledger.ledger import Contract
from opamp_conformance.targets import Endpoint


@dataclass(frozen=True)
class AgentCommand:
    """How the agent comes to run: one of the three is given.

    ``command`` starts it, and may contain ``{url}`` and ``{state}``. ``driver`` starts a program that runs it as it is
    told (docs/agent-driver.md). With ``port``, the suite listens there at ``host``, and waits for the agent.
    """

    command: str | None = None
    driver: str | None = None
    host: str = "127.0.0.1"
    port: int = 0


class AgentTarget:
    """The agent as the target of a run."""

    contracts: Sequence[Contract] = (Contract.OPAMP,)
    is_shared = False

    def __init__(self, agent: AgentCommand) -> None:
        self.agent = agent

    @property
    def name(self) -> str:
        if self.agent.command is not None:
            return f"the agent {self.agent.command!r}"
        if self.agent.driver is not None:
            return f"the agent of the driver {self.agent.driver!r}"
        return f"the agent that connects to {self.agent.host}:{self.agent.port}"

    @property
    def arguments(self) -> Sequence[str]:
        if self.agent.command is not None:
            return (f"--agent {shlex.quote(self.agent.command)}",)
        if self.agent.driver is not None:
            return (f"--driver {shlex.quote(self.agent.driver)}",)
        return (f"--listen {self.agent.host}:{self.agent.port}",)

    @contextmanager
    def start(self) -> Iterator[Endpoint]:
        """There is nothing to start: each scenario starts the agent anew."""
        yield Endpoint(self.name)
