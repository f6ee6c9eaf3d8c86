"""What can be asked for one agent: the part of the control plane that the conformance suite needs."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from opamp_mock_server.control.bodies import (
    DONE,
    Unfit,
    agent,
    chosen,
    instance_uid,
    message_of,
    object_of,
    packages_of,
    shown,
)
from opamp_mock_server.http import Refused, Response
from opamp_mock_server.records import Plan, Trouble
from opamp_mock_server.service import Service
from opamp_proto import opamp_pb2 as pb

Handler = Callable[["AgentControl", bytes, bytes], Awaitable[Response]]


class AgentControl:
    """Does what is asked for one agent; the agent need not be there yet."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def respond(self, method: str, name: str, resource: str, body: bytes) -> Response:
        """Answer a request for something of an agent; raises Refused, Unfit, or what the store raises."""
        handler = chosen(HANDLERS, method, resource, f"an agent's {resource or 'record'}")
        return await handler(self, instance_uid(name), body)

    async def show(self, instance_uid: bytes, body: bytes) -> Response:
        """What is known of an agent."""
        record = await self._service.store.get(instance_uid)
        if record is None:
            raise Refused(404, "this agent is not known")
        return shown(agent(record))

    async def forget(self, instance_uid: bytes, body: bytes) -> Response:
        await self._service.plans.delete(instance_uid)
        self._service.connections.release(instance_uid)
        await self._service.store.delete(instance_uid)
        return DONE

    async def offer_remote_config(self, instance_uid: bytes, body: bytes) -> Response:
        files = message_of(body, pb.AgentConfigMap())
        return await self._want(instance_uid, lambda plan: replace(plan, remote_config=files))

    async def offer_connection_settings(self, instance_uid: bytes, body: bytes) -> Response:
        settings = message_of(body, pb.ConnectionSettingsOffers())
        settings.ClearField("hash")
        return await self._want(instance_uid, lambda plan: replace(plan, connection_settings=settings))

    async def offer_packages(self, instance_uid: bytes, body: bytes) -> Response:
        packages = packages_of(body)
        return await self._want(instance_uid, lambda plan: replace(plan, packages=packages))

    async def command(self, instance_uid: bytes, body: bytes) -> Response:
        message_of(body, pb.ServerToAgentCommand())
        return await self._want(instance_uid, lambda plan: replace(plan, restart=True))

    async def send_custom_message(self, instance_uid: bytes, body: bytes) -> Response:
        message = message_of(body, pb.CustomMessage())
        return await self._want(
            instance_uid, lambda plan: replace(plan, custom_messages=(*plan.custom_messages, message))
        )

    async def make_trouble(self, instance_uid: bytes, body: bytes) -> Response:
        try:
            trouble = Trouble(object_of(body).get("kind"))
        except ValueError as error:
            raise Unfit("kind is overloaded or failing") from error
        return await self._want(instance_uid, lambda plan: replace(plan, trouble=trouble))

    async def close(self, instance_uid: bytes, body: bytes) -> Response:
        if not await self._service.hang_up(instance_uid):
            raise Refused(404, "this agent has no WebSocket")
        return DONE

    async def _want(self, instance_uid: bytes, change: Callable[[Plan], Plan]) -> Response:
        await self._service.want(instance_uid, change)
        return DONE


HANDLERS: Final[dict[tuple[str, str], Handler]] = {
    ("GET", ""): AgentControl.show,
    ("DELETE", ""): AgentControl.forget,
    ("PUT", "remote_config"): AgentControl.offer_remote_config,
    ("PUT", "connection_settings"): AgentControl.offer_connection_settings,
    ("PUT", "packages"): AgentControl.offer_packages,
    ("POST", "commands"): AgentControl.command,
    ("POST", "custom_messages"): AgentControl.send_custom_message,
    ("POST", "trouble"): AgentControl.make_trouble,
    ("DELETE", "connection"): AgentControl.close,
}
"""What there is, by method and resource."""
