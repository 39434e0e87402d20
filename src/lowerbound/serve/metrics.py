"""What the service counts of itself, in the form that Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

__all__ = ["Metrics"]

# Seconds of an answer.
_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Requests by route and status, rows by route, seconds, how many wait, and how many programs were
    compiled since the service was ready, which is to stay 0.

    >>> metrics = Metrics(waiting=lambda: 0, ready=lambda: True)
    >>> metrics.count("/encode", 200, 0.002, rows=3)
    >>> 'lowerbound_requests_total{route="/encode",status="200"} 1.0' in metrics.text().decode()
    True
    """

    def __init__(self, waiting: Callable[[], int], ready: Callable[[], bool]) -> None:
        self._waiting, self._ready = waiting, ready
        self._requests: Counter[tuple[str, int]] = Counter()
        self._rows: Counter[str] = Counter()
        self._seconds: dict[str, list[float]] = {}
        self._compiled = 0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def count(self, route: str, status: int, seconds: float, rows: int = 0) -> None:
        """One request that was answered."""
        self._requests[route, status] += 1
        if rows:
            self._rows[route] += rows
        counts = self._seconds.get(route)
        if counts is None:
            counts = self._seconds[route] = [0.0] * (len(_EDGES) + 2)
        counts[bisect_left(_EDGES, seconds)] += 1
        counts[-1] += seconds

    def listen(self) -> None:
        """Count the programs that JAX compiles once the service is ready; not those that it reads from its
        cache."""
        import jax

        def compiled_or_read(event: str, duration_secs: float, **_: str | int) -> None:
            if event == "/jax/core/compile/backend_compile_duration" and self._ready():
                self._compiled += 1

        def read(event: str, **_: str | int) -> None:
            if event == "/jax/compilation_cache/cache_hits" and self._ready():
                self._compiled -= 1

        jax.monitoring.register_event_duration_secs_listener(compiled_or_read)
        jax.monitoring.register_event_listener(read)

    @property
    def compiled_after_ready(self) -> int:
        """How many programs were compiled since the service was ready."""
        return self._compiled

    def text(self) -> bytes:
        """The page of metrics."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Any]:
        """The families of metrics, as Prometheus' client asks for them."""
        requests = CounterMetricFamily("lowerbound_requests", "Requests.", labels=("route", "status"))
        for (route, status), number in sorted(self._requests.items()):
            requests.add_metric((route, str(status)), number)
        yield requests
        rows = CounterMetricFamily("lowerbound_rows", "Rows that were asked of.", labels=("route",))
        for route, number in sorted(self._rows.items()):
            rows.add_metric((route,), number)
        yield rows
        seconds = HistogramMetricFamily("lowerbound_seconds", "Seconds of an answer.", labels=("route",))
        for route, counts in sorted(self._seconds.items()):
            total, buckets = 0.0, list[tuple[str, float]]()
            for edge, count in zip((*map(str, _EDGES), "+Inf"), counts[:-1], strict=True):
                total += count
                buckets.append((edge, total))
            seconds.add_metric((route,), buckets, counts[-1])
        yield seconds
        yield GaugeMetricFamily("lowerbound_waiting", "Requests that wait.", self._waiting())
        yield GaugeMetricFamily("lowerbound_ready", "Whether it is ready.", float(self._ready()))
        yield CounterMetricFamily(
            "lowerbound_compiled_after_ready",
            "Programs compiled since it is ready.",
            self.compiled_after_ready,
        )
