"""The resources of one agent: the part of the control plane that the conformance suite needs."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from opamp_mock_server.control.bodies import (
    DONE,
    InvalidRequestError,
    agent,
    chosen,
    instance_uid,
    message_of,
    object_of,
    packages_of,
    shown,
)
from opamp_mock_server.core.agent_state import DesiredState, Fault
from opamp_mock_server.service.service import Service
from opamp_mock_server.transports.http_messages import RequestRefusedError, Response
from opamp_proto import opamp_pb2 as pb

Handler = Callable[["AgentControl", bytes, bytes], Awaitable[Response]]


class AgentControl:
    """Answers requests about one agent, which need not be enrolled yet."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def respond(self, method: str, name: str, resource: str, body: bytes) -> Response:
        """Answer a request about an agent.

        Raises RequestRefusedError, InvalidRequestError, or an error of the store.
        """
        handler = chosen(HANDLERS, method, resource, f"an agent's {resource or 'record'}")
        return await handler(self, instance_uid(name), body)

    async def show(self, instance_uid: bytes, body: bytes) -> Response:
        """Show the record of an agent."""
        record = await self._service.store.get(instance_uid)
        if record is None:
            raise RequestRefusedError(404, "this agent is not known")
        return shown(agent(record))

    async def forget(self, instance_uid: bytes, body: bytes) -> Response:
        await self._service.desired_states.delete(instance_uid)
        self._service.connections.release(instance_uid)
        await self._service.store.delete(instance_uid)
        return DONE

    async def offer_remote_config(self, instance_uid: bytes, body: bytes) -> Response:
        files = message_of(body, pb.AgentConfigMap())
        return await self._want(instance_uid, lambda desired: replace(desired, remote_config=files))

    async def offer_connection_settings(self, instance_uid: bytes, body: bytes) -> Response:
        settings = message_of(body, pb.ConnectionSettingsOffers())
        settings.ClearField("hash")
        return await self._want(instance_uid, lambda desired: replace(desired, connection_settings=settings))

    async def offer_packages(self, instance_uid: bytes, body: bytes) -> Response:
        packages = packages_of(body)
        return await self._want(instance_uid, lambda desired: replace(desired, packages=packages))

    async def command(self, instance_uid: bytes, body: bytes) -> Response:
        message_of(body, pb.ServerToAgentCommand())
        return await self._want(instance_uid, lambda desired: replace(desired, restart=True))

    async def send_custom_message(self, instance_uid: bytes, body: bytes) -> Response:
        message = message_of(body, pb.CustomMessage())
        return await self._want(
            instance_uid, lambda desired: replace(desired, custom_messages=(*desired.custom_messages, message))
        )

    async def set_fault(self, instance_uid: bytes, body: bytes) -> Response:
        try:
            fault = Fault(object_of(body).get("kind"))
        except ValueError as error:
            raise InvalidRequestError('kind has to be "overloaded" or "failing"') from error
        return await self._want(instance_uid, lambda desired: replace(desired, fault=fault))

    async def close(self, instance_uid: bytes, body: bytes) -> Response:
        if not await self._service.close_connection(instance_uid):
            raise RequestRefusedError(404, "this agent has no WebSocket")
        return DONE

    async def _want(self, instance_uid: bytes, change: Callable[[DesiredState], DesiredState]) -> Response:
        await self._service.change_desired(instance_uid, change)
        return DONE


HANDLERS: Final[dict[tuple[str, str], Handler]] = {
    ("GET", ""): AgentControl.show,
    ("DELETE", ""): AgentControl.forget,
    ("PUT", "remote_config"): AgentControl.offer_remote_config,
    ("PUT", "connection_settings"): AgentControl.offer_connection_settings,
    ("PUT", "packages"): AgentControl.offer_packages,
    ("POST", "commands"): AgentControl.command,
    ("POST", "custom_messages"): AgentControl.send_custom_message,
    ("POST", "fault"): AgentControl.set_fault,
    ("DELETE", "connection"): AgentControl.close,
}
"""The handlers, by method and resource."""
