"""Requests to a mock server: its control plane, its metrics, and OpAMP messages."""

import contextlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from opamp_mock_server import MockServer
from opamp_proto import CONTENT_TYPE
from opamp_proto import opamp_pb2 as pb


class ControlError(Exception):
    """The control plane has answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


def ask(
    server: MockServer, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Any:
    """Send a request to the control plane; return the JSON of the response, None if it is empty."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.control_url}{path}", data, dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        raise ControlError(error.code, error.read().decode()) from None


def status_of(*request: Any) -> int:
    with pytest.raises(ControlError) as refused:
        ask(*request)
    return refused.value.status


def send(url: str, message: pb.AgentToServer | bytes, *, key: str = "", timeout: float = 10) -> pb.ServerToAgent:
    """Send an OpAMP message, with an enrollment key if one is given; return the reply."""
    data = message if isinstance(message, bytes) else message.SerializeToString()
    headers = {"Content-Type": CONTENT_TYPE} | ({"Authorization": f"ApiKey {key}"} if key else {})
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=timeout) as response:
        return pb.ServerToAgent.FromString(response.read())


def metric(server: MockServer, name: str) -> float:
    """Return a metric of a mock server, by its name with labels."""
    parts = urlsplit(server.url)
    with contextlib.closing(HTTPConnection(parts.hostname or "", parts.port, timeout=5)) as connection:
        connection.request("GET", "/metrics")
        line = re.search(rf"^{re.escape(name)} (\S+)$", connection.getresponse().read().decode(), re.MULTILINE)
    assert line is not None, name
    return float(line[1])
