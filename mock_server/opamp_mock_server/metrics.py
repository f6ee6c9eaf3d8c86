"""The metrics of the server, in the format of Prometheus."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client import Metric

EXPOSITION: Final = b"text/plain; version=0.0.4; charset=utf-8"
"""The content type of the text format of Prometheus."""

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""The upper bounds of the buckets, in seconds; one more bucket has everything above."""

KINDS: Final = ("check_in", "enrollment", "disconnect", "refused", "unavailable", "failed")
SHED: Final = ("connections", "rate", "rate_per_key", "enrollment_rate", "queue", "pending_bytes")

Gauges = Callable[[], Mapping[str, float]]
"""Returns current values by name."""

_GAUGES: Final = {
    "connections": "Open connections.",
    "agents": "Agents in memory.",
    "store_under_way": "Messages that use the store.",
    "store_waiting_check_ins": "Check-ins that wait for the store.",
    "store_waiting_enrollments": "Enrollments that wait for the store.",
    "store_breaker_open": "1 while the store is not tried because it has failed too often.",
}


class Metrics:
    """The counts of a server. They are plain numbers, because they change with each message and are rarely read.

    All names begin with ``opamp_``.
    """

    def __init__(self) -> None:
        self.shed: Counter[str] = Counter(dict.fromkeys(SHED, 0))
        self._responses: Counter[int] = Counter()
        self._seconds = dict.fromkeys(KINDS, 0.0)
        self._buckets = {kind: [0] * (len(BUCKETS) + 1) for kind in KINDS}
        self._gauges: list[Gauges] = []

    def responded(self, status: int) -> None:
        """Count one HTTP response."""
        self._responses[status] += 1

    def answered(self, kind: str, seconds: float) -> None:
        """Count one message of a kind, which took ``seconds``."""
        self._seconds[kind] += seconds
        self._buckets[kind][bisect_left(BUCKETS, seconds)] += 1

    def watch(self, gauges: Gauges) -> None:
        """Add gauges."""
        self._gauges.append(gauges)

    def exposition(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        # Few servers are ever asked for metrics, and the library takes a while to load.
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> "Iterator[Metric]":
        """Yield the metric families; prometheus-client calls this."""
        from prometheus_client import core  # noqa: PLC0415

        messages = core.HistogramMetricFamily(
            "opamp_message_seconds", "Seconds from a message to its reply, by the kind of message.", labels=["kind"]
        )
        for kind, counts in self._buckets.items():
            total, cumulated = 0, []
            for bound, count in zip([*map(str, BUCKETS), "+Inf"], counts, strict=True):
                total += count
                cumulated.append((bound, total))
            messages.add_metric([kind], cumulated, self._seconds[kind])
        yield messages
        responses = core.CounterMetricFamily("opamp_http_responses", "HTTP responses, by status.", labels=["status"])
        for status, count in sorted(self._responses.items()):
            responses.add_metric([str(status)], count)
        yield responses
        shed = core.CounterMetricFamily("opamp_shed", "Rejected messages and connections, by limit.", labels=["limit"])
        for limit, count in self.shed.items():
            shed.add_metric([limit], count)
        yield shed
        for gauges in self._gauges:
            for name, value in gauges().items():
                yield core.GaugeMetricFamily(f"opamp_{name}", _GAUGES[name], value=value)
