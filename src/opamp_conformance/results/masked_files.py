"""Messages without the contents of configuration files, which may have secrets of the owner of real agents."""

from dataclasses import replace
from typing import TypeVar

from opamp_conformance.wire.exchange import Exchange
from opamp_conformance.wire.http import HttpRequest, HttpResponse
from opamp_conformance.wire.websocket import HEADER, ReceivedMessage, WebSocketMessage
from opamp_proto import opamp_pb2 as pb

M = TypeVar("M", pb.AgentToServer, pb.ServerToAgent)


def without_files(message: M) -> M | None:
    """Return a copy with asterisks in place of the contents of files, None if the message has none."""
    if isinstance(message, pb.AgentToServer):
        has_files = bool(message.effective_config.config_map.config_map)
    else:
        has_files = bool(message.remote_config.config.config_map)
    if not has_files:
        return None
    copy = type(message)()
    copy.CopyFrom(message)
    parts = copy.effective_config.config_map if isinstance(copy, pb.AgentToServer) else copy.remote_config.config
    for file in parts.config_map.values():
        file.body = b"*" * len(file.body)
    return copy


def exchange_without_files(exchange: Exchange) -> Exchange:
    """Return an exchange whose messages are without the contents of files; their bytes are encoded anew then."""
    request, response = exchange.request, exchange.response
    sent = None if request.message is None else without_files(request.message)
    if sent is not None:
        data = sent.SerializeToString()
        if isinstance(request, HttpRequest):
            request = replace(request, body=data, message=sent)
        else:
            request = WebSocketMessage(HEADER + data, sent, request.connection_id)
    came = None if exchange.message is None else without_files(exchange.message)
    if came is not None:
        data = came.SerializeToString()
        if isinstance(response, HttpResponse):
            headers = {name: value for name, value in response.headers.items() if name != "content-encoding"}
            response = HttpResponse(response.status, headers, data)
        else:
            response = ReceivedMessage(HEADER + data)
    return replace(exchange, request=request, response=response)
