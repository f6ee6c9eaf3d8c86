"""What an agent says of itself in its own telemetry: the Resource of a request by OTLP/HTTP, as protobuf or JSON."""

import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.message import DecodeError

from opamp_conformance.errors import NotApplicableError
from opamp_conformance.scripted_server.records import OtherRequest
from opamp_proto import opamp_pb2 as pb
from opamp_proto import otlp_resource_pb2 as otlp

_LISTS: Final = ("resourceMetrics", "resourceSpans", "resourceLogs")
Attributes = Mapping[str, str]
"""Those with a text as their value, by name."""


def resource_of(request: OtherRequest) -> Attributes:
    """Return the attributes of the first Resource. Raises NotApplicableError if the telemetry cannot be read."""
    try:
        is_compressed = request.headers.get("content-encoding") == "gzip"
        body = gzip.decompress(request.body) if is_compressed else request.body
        if "json" in request.headers.get("content-type", ""):
            return _of_json(json.loads(body))
        items = otlp.ExportRequest.FromString(body).items
        return _texts(items[0].resource.attributes)
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, IndexError, DecodeError) as error:
        raise NotApplicableError(f"the telemetry of the agent cannot be read: {error}") from error


def _of_json(export: Mapping[str, Any]) -> Attributes:
    items = next(export[name] for name in _LISTS if name in export)
    attributes = items[0]["resource"]["attributes"]
    return {one["key"]: one["value"]["stringValue"] for one in attributes if "stringValue" in one["value"]}


def _texts(attributes: Any) -> Attributes:
    return {one.key: one.value.string_value for one in attributes if one.value.HasField("string_value")}


def identifying(message: pb.AgentToServer) -> Attributes:
    """Return the identifying attributes of an agent."""
    return _texts(message.agent_description.identifying_attributes)


def non_identifying(message: pb.AgentToServer) -> Attributes:
    """Return the other attributes of an agent."""
    return _texts(message.agent_description.non_identifying_attributes)
