"""The operator of the target: what a scenario wants the server to do, by way of its control plane."""

import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from opamp_conformance.agent import Agent, configuration
from opamp_conformance.client import Client
from opamp_conformance.control import Control, Package
from opamp_conformance.errors import NotApplicable, Unmet
from opamp_proto import opamp_pb2 as pb

# How long a server may take to see that a connection has come or gone.
_SETTLED_SECONDS: Final = 1.0

FILE: Final = "collector.yaml"
"""The name of the configuration file that is offered."""
PACKAGE: Final = "collector"
"""The name of the package that is offered."""
CONNECTION: Final = "backend"
"""The name of the other connection that is offered."""
SETTINGS: Final = {
    "OpAMP": "opamp",
    "own metrics": "own_metrics",
    "own traces": "own_traces",
    "own logs": "own_logs",
    "another connection": "other_connections",
}
"""The classes of connection settings, as scenarios call them, and their fields."""


class Operator:
    """Has the server act. What the server cannot do, or nobody can have it do, is not applicable."""

    def __init__(self, client: Client, run: str) -> None:
        self._client = client
        self._run = run
        self._control = Control(client)

    @cached_property
    def introduction(self) -> pb.ServerToAgent:
        """The first reply to an agent: what the server says it can do."""
        reply = self._client.send(Agent(self._run).full_status()).reply
        if reply.HasField("error_response"):
            raise Unmet("response.no-error-on-success", "an unknown agent's full report is answered with an error")
        return reply

    def require(self, capability: str) -> None:
        """Go on only if the server announces a capability, and can be made to use it."""
        self.require_announced(capability)
        self._control.require()

    def require_announced(self, capability: str) -> None:
        if not self.introduction.capabilities & pb.ServerCapabilities.Value(f"ServerCapabilities_{capability}"):
            raise NotApplicable(f"the server does not announce {capability}")

    def require_control(self) -> None:
        self._control.require()

    @property
    def custom_capability(self) -> str:
        """A custom capability of the server."""
        capabilities = self.introduction.custom_capabilities.capabilities
        if not capabilities:
            raise NotApplicable("the server announces no custom capabilities")
        return capabilities[0]

    # ---- offers

    def offer_configuration(self, agent: Agent, text: str) -> None:
        files = pb.AgentConfigMap()
        files.config_map[FILE].CopyFrom(configuration(text))
        self._control.offer_remote_config(agent.instance_uid, files)

    def offer_settings(self, agent: Agent, *classes: str, host: str = "first.example") -> None:
        """Offer settings of these classes, at some host."""
        self._control.offer_connection_settings(agent.instance_uid, settings(classes, host))

    def offer_certificate(self, agent: Agent) -> None:
        """Offer a certificate of an authority, with its private key."""
        from opamp_conformance.pki import signed_certificate  # noqa: PLC0415 - few runs come to this

        offer = settings(["opamp"], "first.example")
        offer.opamp.certificate.CopyFrom(signed_certificate())
        self._control.offer_connection_settings(agent.instance_uid, offer)

    def offer_proxy(self, agent: Agent) -> None:
        offer = settings(["opamp"], "first.example")
        offer.opamp.proxy.url = "http://proxy.example:3128"
        self._control.offer_connection_settings(agent.instance_uid, offer)

    def offer_package(
        self, agent: Agent, *, version: str = "1.0.0", content: bytes = b"content", kind: str = "PackageType_TopLevel"
    ) -> None:
        self._control.offer_packages(agent.instance_uid, {PACKAGE: Package(kind, version, content)})

    def offer_everything(self, agent: Agent) -> None:
        """Offer whatever the specification knows."""
        self.offer_configuration(agent, "receivers: {}")
        self.offer_settings(agent, *SETTINGS.values())
        self.offer_package(agent)

    # ---- what is sent once

    def command_restart(self, agent: Agent) -> None:
        self._control.command_restart(agent.instance_uid)

    def send_custom_message(self, agent: Agent, capability: str) -> None:
        message = pb.CustomMessage(capability=capability, type="hello", data=b"world")
        self._control.send_custom_message(agent.instance_uid, message)

    def overload(self, agent: Agent) -> None:
        self._control.make_trouble(agent.instance_uid, "overloaded")

    def fail(self, agent: Agent) -> None:
        self._control.make_trouble(agent.instance_uid, "failing")

    def close_connection(self, agent: Agent) -> None:
        self._control.close_connection(agent.instance_uid)

    # ---- what the server knows

    def record(self, agent: Agent) -> Mapping[str, Any]:
        """Return what the server knows of an agent (docs/control-plane.md)."""
        return self._control.record(agent.instance_uid) or {}

    def record_once(self, agent: Agent, *, connected: bool) -> Mapping[str, Any]:
        """Return the record as soon as it shows an agent connected, or not; after a while as it is then."""
        end = time.monotonic() + min(self._client.timeout, _SETTLED_SECONDS)
        while bool((record := self.record(agent)).get("connected")) is not connected and time.monotonic() < end:
            time.sleep(0.02)
        return record


def settings(classes: "tuple[str, ...] | list[str]", host: str) -> pb.ConnectionSettingsOffers:
    """Make settings of these classes, at some host."""
    offer = pb.ConnectionSettingsOffers()
    for name in classes:
        if name == "opamp":
            offer.opamp.destination_endpoint = f"wss://{host}:4320/v1/opamp"
        elif name == "other_connections":
            offer.other_connections[CONNECTION].destination_endpoint = f"https://{host}/other"
        else:
            getattr(offer, name).destination_endpoint = f"https://{host}/v1/{name.removeprefix('own_')}"
    return offer
