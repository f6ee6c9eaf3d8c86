"""Deviations of an agent's own telemetry: metrics, traces and logs to offered destinations."""

from opamp_mock_agent.behaviour import Behaviour
from opamp_mock_agent.deviations.registry import breaks
from opamp_proto import opamp_pb2 as pb


@breaks(
    "own-telemetry.send-to-offered",
    also=(
        *("description.identifying-in-resource", "own-telemetry.non-identifying-same"),
        *("telemetry-settings.endpoint-as-given", "capabilities.agent.own-telemetry", "own-telemetry.metrics-periodic"),
        *(
            "telemetry-settings.headers-used",
            "telemetry-settings.certificate-used",
            "own-telemetry.process-conventions",
        ),
        "proxy.url-used",
    ),
)
class NoTelemetry(Behaviour):
    """The agent sends no telemetry."""

    sends_telemetry = False


@breaks("capabilities.agent.own-telemetry:no-traces", also=("own-telemetry.send-to-offered",))
class NoTraces(Behaviour):
    """The agent sends no traces."""

    telemetry_signals = ("metrics", "logs")


@breaks("capabilities.agent.own-telemetry:no-logs", also=("own-telemetry.send-to-offered",))
class NoLogs(Behaviour):
    """The agent sends no logs."""

    telemetry_signals = ("metrics", "traces")


@breaks("own-telemetry.metrics-periodic")
class OneMetric(Behaviour):
    """The agent sends its metrics once."""

    repeats_telemetry = False


@breaks("own-telemetry.process-conventions")
class CpuTimeInMilliseconds(Behaviour):
    """The unit of process.cpu.time is the millisecond."""

    unit_of_cpu_time = "ms"


@breaks("own-telemetry.continue")
class StopsTelemetry(Behaviour):
    """The agent stops its telemetry if an offer has nothing for it."""

    keeps_telemetry = False


@breaks("telemetry-settings.headers-used")
class TelemetryWithoutHeaders(Behaviour):
    """The agent does not send the offered headers with its telemetry."""

    signals_with_headers = ()


@breaks("telemetry-settings.headers-used:metrics-only")
class HeadersWithMetricsOnly(Behaviour):
    """The agent sends the offered headers with its metrics only."""

    signals_with_headers = ("metrics",)


@breaks("proxy.url-used:telemetry")
class TelemetryWithoutProxy(Behaviour):
    """The agent does not use the proxy that is offered for its telemetry."""

    uses_telemetry_proxy = False


@breaks(
    "own-telemetry.send-to-offered:first",
    also=(
        *("telemetry-settings.endpoint-as-given", "capabilities.agent.own-telemetry"),
        "telemetry-settings.certificate-omitted",
    ),
)
class KeepsFirstDestination(Behaviour):
    """The agent sends its telemetry to the destination that it was offered first."""

    _has_one = False

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if self._has_one:
            message.connection_settings.ClearField("own_metrics")
        self._has_one |= message.connection_settings.HasField("own_metrics")
        return message


@breaks("own-telemetry.send-to-offered:beside-opamp")
class IgnoresTelemetryBesideOpamp(Behaviour):
    """Of an offer with settings for OpAMP, the agent takes nothing for its telemetry."""

    def incoming(self, message: pb.ServerToAgent) -> pb.ServerToAgent:
        if message.connection_settings.HasField("opamp"):
            for name in ("own_metrics", "own_traces", "own_logs"):
                message.connection_settings.ClearField(name)
        return message


@breaks("own-telemetry.status")
class NoStatusOfTelemetry(Behaviour):
    """The agent does not report the status of settings for its telemetry."""

    reports_telemetry_status = False


@breaks("description.identifying-in-resource")
class ResourceWithoutInstance(Behaviour):
    """The Resource of the telemetry has no service.instance.id."""

    def resource(self, attributes: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in attributes.items() if name != "service.instance.id"}


@breaks("own-telemetry.non-identifying-same")
class ResourceOfAnotherHost(Behaviour):
    """The Resource of the telemetry names another host."""

    def resource(self, attributes: dict[str, str]) -> dict[str, str]:
        return {**attributes, "host.name": "another"}
