"""The resources of one agent: the part of the control plane that the conformance suite needs."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from opamp_mock_server.control.bodies import (
    DONE,
    InvalidRequestError,
    agent,
    chosen,
    desired_state,
    instance_uid,
    message_of,
    object_of,
    packages_of,
    scripted_answer_of,
    shown,
)
from opamp_mock_server.core.agent_state import NOTHING_DESIRED, DesiredState, Fault
from opamp_mock_server.service.needed_capabilities import lacking
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

    async def show_desired(self, instance_uid: bytes, body: bytes) -> Response:
        """Show what an operator wants of an agent."""
        return shown(desired_state(await self._service.desired_states.get(instance_uid) or NOTHING_DESIRED))

    async def forget(self, instance_uid: bytes, body: bytes) -> Response:
        await self._service.desired_states.delete(instance_uid)
        self._service.scripted.forget(instance_uid)
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

    async def send(self, instance_uid: bytes, body: bytes) -> Response:
        """Send any message."""
        await self._service.send(instance_uid, message_of(body, pb.ServerToAgent()))
        return DONE

    async def script(self, instance_uid: bytes, body: bytes) -> Response:
        """Answer the next messages in another way, and do not process them."""
        answer, times = scripted_answer_of(body)
        self._service.scripted.enqueue(instance_uid, answer, times)
        return DONE

    async def forget_script(self, instance_uid: bytes, body: bytes) -> Response:
        self._service.scripted.forget(instance_uid)
        return DONE

    async def close(self, instance_uid: bytes, body: bytes) -> Response:
        if not await self._service.close_connection(instance_uid):
            raise RequestRefusedError(404, "this agent has no WebSocket")
        return DONE

    async def _want(self, instance_uid: bytes, change: Callable[[DesiredState], DesiredState]) -> Response:
        """Change what is desired of an agent, and tell if it lacks a capability for that."""
        await self._service.change_desired(instance_uid, change)
        record = await self._service.store.get(instance_uid)
        missing = [] if record is None else lacking(record.capabilities, change(NOTHING_DESIRED))
        return shown({"waits_for": missing}, status=202) if missing else DONE


HANDLERS: Final[dict[tuple[str, str], Handler]] = {
    ("GET", ""): AgentControl.show,
    ("DELETE", ""): AgentControl.forget,
    ("GET", "desired"): AgentControl.show_desired,
    ("PUT", "remote_config"): AgentControl.offer_remote_config,
    ("PUT", "connection_settings"): AgentControl.offer_connection_settings,
    ("PUT", "packages"): AgentControl.offer_packages,
    ("POST", "commands"): AgentControl.command,
    ("POST", "custom_messages"): AgentControl.send_custom_message,
    ("POST", "fault"): AgentControl.set_fault,
    ("POST", "messages"): AgentControl.send,
    ("POST", "answers"): AgentControl.script,
    ("DELETE", "answers"): AgentControl.forget_script,
    ("DELETE", "connection"): AgentControl.close,
}
"""The handlers, by method and resource."""
