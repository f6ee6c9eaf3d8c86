"""The proxy that the scripted server offers to an agent."""

from opamp_conformance.actions.agent_side.session import AgentSession
from opamp_proto import opamp_pb2 as pb


def proxy(session: AgentSession, **fields: object) -> pb.ProxyConnectionSettings:
    """Return settings for the proxy of the server, with other fields."""
    return pb.ProxyConnectionSettings(url=session.server.proxy_url(), **fields)  # type: ignore[arg-type]
