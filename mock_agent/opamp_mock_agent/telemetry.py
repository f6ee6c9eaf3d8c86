"""The agent's own telemetry: it is sent to where the server offers, by OTLP/HTTP in its JSON form."""

import asyncio
import json
import os
import ssl
import time
from typing import Any, Final

from opamp_mock_agent.core.agent import AgentCore
from opamp_mock_agent.transports.connection import load_certificate
from opamp_mock_agent.transports.proxy import url_of
from opamp_proto import opamp_pb2 as pb

INTERVAL_SECONDS: Final = 10.0
"""own-telemetry.metrics-10s"""
_LOOK_SECONDS: Final = 0.2


class Telemetry:
    """Sends metrics, traces and logs while the agent runs."""

    def __init__(self, core: AgentCore) -> None:
        self._core = core
        self._sent_at: dict[str, float] = {}

    async def run(self) -> None:
        """Send what is due, until it is cancelled. A destination that cannot be reached is tried again later."""
        while True:
            for signal in self._core.behaviour.telemetry_signals:
                settings: pb.TelemetryConnectionSettings = getattr(self._core.state.telemetry, f"own_{signal}")
                key = f"{signal} {settings.destination_endpoint}"
                if settings.destination_endpoint and self._is_due(key):
                    self._sent_at[key] = time.monotonic()
                    await self._send(signal, settings)
            await asyncio.sleep(_LOOK_SECONDS)

    def _is_due(self, key: str) -> bool:
        if key in self._sent_at and not self._core.behaviour.repeats_telemetry:
            return False
        return time.monotonic() - self._sent_at.get(key, float("-inf")) >= INTERVAL_SECONDS

    async def _send(self, signal: str, settings: pb.TelemetryConnectionSettings) -> None:
        import aiohttp  # noqa: PLC0415 - it takes long to load

        has_headers = signal in self._core.behaviour.signals_with_headers
        headers = _as_mapping(settings.headers if has_headers else pb.Headers())
        has_proxy = bool(settings.proxy.url) and self._core.behaviour.uses_telemetry_proxy
        body = json.dumps(self._payload(signal)).encode()
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=self._context(settings)),
                    timeout=aiohttp.ClientTimeout(total=INTERVAL_SECONDS),
                ) as session,
                session.post(
                    settings.destination_endpoint,
                    data=body,
                    headers={**headers, "Content-Type": "application/json"},
                    proxy=url_of(settings.proxy) if has_proxy else None,
                    proxy_headers=_as_mapping(settings.proxy.connect_headers),
                ) as response,
            ):
                await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            pass

    def _context(self, settings: pb.TelemetryConnectionSettings) -> ssl.SSLContext:
        """Return the context of a destination, with what the server has offered for it."""
        context = ssl.create_default_context()
        if settings.tls.ca_pem_contents:
            context.load_verify_locations(cadata=settings.tls.ca_pem_contents)
        if settings.certificate.cert and self._core.behaviour.shows_certificate_with_telemetry:
            load_certificate(context, settings.certificate)
        return context

    def _resource(self) -> dict[str, str]:
        """Return what identifies the agent, and the host (description.identifying-in-resource)."""
        described = self._core.description
        known = (*described.identifying_attributes, *described.non_identifying_attributes)
        return self._core.behaviour.resource({one.key: one.value.string_value for one in known})

    def _payload(self, signal: str) -> dict[str, Any]:
        """Return the smallest useful payload of a signal: how much time the process has used, or that it runs."""
        now = str(time.time_ns())
        resource = {"attributes": [_text(name, value) for name, value in self._resource().items()]}
        if signal == "metrics":
            times = os.times()
            points = [
                {
                    "asDouble": value,
                    "timeUnixNano": now,
                    "startTimeUnixNano": now,
                    "attributes": [_text("cpu.mode", mode)],
                }
                for mode, value in (("user", times.user), ("system", times.system))
            ]
            total = {"dataPoints": points, "aggregationTemporality": 2, "isMonotonic": True}
            metric = {"name": "process.cpu.time", "unit": self._core.behaviour.unit_of_cpu_time, "sum": total}
            return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}
        if signal == "traces":
            span = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "report", "kind": 1}
            span |= {"startTimeUnixNano": now, "endTimeUnixNano": now}
            return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
        record = {"timeUnixNano": now, "severityText": "INFO", "body": {"stringValue": "the agent runs"}}
        return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}


def _as_mapping(headers: pb.Headers) -> dict[str, str]:
    return {header.key: header.value for header in headers.headers}


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}
