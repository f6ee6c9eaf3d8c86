"""Checks of what an agent sends, in any conversation: pure, without I/O, and independent of who listens.

A server, or a proxy between an agent and a server, feeds an ``AgentJudge`` with what happened (``traffic``), and gets
findings by requirement. The checks judge agents only: what servers send is the other half of the suite.
"""

from opamp_agent_checks.finding import AgentFinding, Severity
from opamp_agent_checks.judge import AgentJudge
from opamp_agent_checks.requirements import REQUIREMENTS
from opamp_agent_checks.traffic import Closed, HttpRequestFacts, Received, Sent

__all__ = [
    "REQUIREMENTS",
    "AgentFinding",
    "AgentJudge",
    "Closed",
    "HttpRequestFacts",
    "Received",
    "Sent",
    "Severity",
]
