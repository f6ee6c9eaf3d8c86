"""What is in the agent's own telemetry: the Resource and the metrics of a request by OTLP/HTTP, as protobuf or JSON."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError

from opamp_conformance.errors import NotApplicableError
from opamp_conformance.scripted_server.records import OtherRequest
from opamp_proto import opamp_pb2 as pb
from opamp_proto import otlp_metrics_pb2 as otlp_metrics
from opamp_proto import otlp_resource_pb2 as otlp

_LISTS: Final = ("resourceMetrics", "resourceSpans", "resourceLogs")
Attributes = Mapping[str, str]
"""Those with a text as their value, by name."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric without its values. ``kind`` is "counter", "updowncounter", "gauge", or "" for others."""

    name: str
    unit: str
    kind: str


def resource_of(request: OtherRequest) -> Attributes:
    """Return the attributes of the first Resource. Raises NotApplicableError if the telemetry cannot be read."""
    with _readable():
        body = _body(request)
        if _is_json(request):
            return _of_json(json.loads(body))
        items = otlp.ExportRequest.FromString(body).items
        return _texts(items[0].resource.attributes)


def metrics_of(request: OtherRequest) -> Sequence[Metric]:
    """Return the metrics of a request. Raises NotApplicableError if it cannot be read."""
    with _readable():
        body = _body(request)
        if _is_json(request):
            return [_metric_of_json(one) for one in _metrics_of_json(json.loads(body))]
        resources = otlp_metrics.ExportMetricsRequest.FromString(body).resource_metrics
        scopes = [scope for resource in resources for scope in resource.scope_metrics]
        return [_metric(one) for scope in scopes for one in scope.metrics]


@contextmanager
def _readable() -> Iterator[None]:
    """Raise NotApplicableError for telemetry that cannot be read."""
    try:
        yield
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, IndexError, DecodeError) as error:
        raise NotApplicableError(f"the telemetry of the agent cannot be read: {error}") from error


def _body(request: OtherRequest) -> bytes:
    return gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body


def _is_json(request: OtherRequest) -> bool:
    return "json" in request.headers.get("content-type", "")


def _metric(metric: otlp_metrics.Metric) -> Metric:
    kind = metric.WhichOneof("data") or ""
    return Metric(metric.name, metric.unit, _kind(kind, is_monotonic=metric.sum.is_monotonic))


def _metrics_of_json(export: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in export["resourceMetrics"]:
        for scope in resource["scopeMetrics"]:
            yield from scope["metrics"]


def _metric_of_json(metric: Mapping[str, Any]) -> Metric:
    kind = next((name for name in ("sum", "gauge") if name in metric), "")
    is_monotonic = bool(metric.get("sum", {}).get("isMonotonic"))
    return Metric(metric["name"], metric.get("unit", ""), _kind(kind, is_monotonic=is_monotonic))


def _kind(data: str, *, is_monotonic: bool) -> str:
    if data != "sum":
        return data
    return "counter" if is_monotonic else "updowncounter"


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
