"""The reference agent: a whole agent of the specification, over both transports, with deviations to switch on.

It knows nothing of the suite that grades agents, nor of the mock server: each is the proof of the others.
"""

from opamp_mock_agent.agent import MockAgent
from opamp_mock_agent.deviations import DEVIATIONS
from opamp_mock_agent.errors import MockAgentError, SettingsError
from opamp_mock_agent.settings import AgentSettings

__all__ = ["DEVIATIONS", "AgentSettings", "MockAgent", "MockAgentError", "SettingsError"]
