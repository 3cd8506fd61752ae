"""Numbers for Prometheus, counted as plain integers and put into words only when scraped.

A lookup takes ten microseconds; prometheus_client's own counters would take a tenth of that, so
the hot path adds to a dict and a list, and one collector reads them. Every series exists from the
start with 0, so that a rate also sees the first event. Names are API: docs/reference/metrics.md
lists them.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of ``Metrics.exposition``."""

Labels = tuple[str, ...]


class Counter:
    """Events by label values. Add with ``counter.counts[labels] += 1``."""

    def __init__(
        self, name: str, text: str, labels: Labels = (), series: Iterable[Labels] = ((),)
    ) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        self.counts: dict[Labels, int] = dict.fromkeys(series, 0)

    def collect(self) -> Metric:
        family = CounterMetricFamily(self.name, self.text, labels=self.labels)
        for labels, count in list(self.counts.items()):
            family.add_metric(labels, count)
        return family


class Latency:
    """A histogram whose buckets are powers of two, so that finding one is a shift.

    The first bucket ends at ``2**first_bit`` ns, each further one at twice that. By default they
    go from 16 µs to 0.5 s.
    """

    def __init__(self, name: str, text: str, *, first_bit: int = 14, buckets: int = 16) -> None:
        self.name = name
        self.text = text
        self._first_bit = first_bit
        self._buckets = buckets
        self.counts = [0] * 64
        self.total_ns = 0

    def observe(self, elapsed_ns: int) -> None:
        self.counts[(elapsed_ns >> self._first_bit).bit_length()] += 1
        self.total_ns += elapsed_ns

    def collect(self) -> Metric:
        family = HistogramMetricFamily(self.name, self.text)
        family.add_metric([], self._cumulative(), self.total_ns / 1e9)
        return family

    def _cumulative(self) -> list[tuple[str, float]]:
        total = 0
        rows: list[tuple[str, float]] = []
        for index in range(self._buckets):
            total += self.counts[index]
            rows.append((f"{(1 << (self._first_bit + index)) / 1e9:.6g}", total))
        return [*rows, ("+Inf", sum(self.counts))]


class Gauge:
    """A number read when scraped."""

    def __init__(self, name: str, text: str, read: Callable[[], float]) -> None:
        self.name = name
        self.text = text
        self._read = read

    def collect(self) -> Metric:
        return GaugeMetricFamily(self.name, self.text, value=self._read())


class Sampled:
    """Numbers by label values that are kept elsewhere and read when scraped."""

    def __init__(
        self,
        family: type[CounterMetricFamily | GaugeMetricFamily],
        name: str,
        text: str,
        labels: Labels,
        read: Callable[[], Iterable[tuple[Labels, float]]],
    ) -> None:
        self._family = family
        self.name = name
        self.text = text
        self._labels = labels
        self._read = read

    def collect(self) -> Metric:
        family = self._family(self.name, self.text, labels=self._labels)
        for labels, value in self._read():
            family.add_metric(labels, value)
        return family


def exposition(*parts: Counter | Latency | Gauge | Sampled) -> str:
    """The numbers of what has no port of its own, as a file shows them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Parts(list(parts)))
    return generate_latest(registry).decode()


class _Parts(Collector):
    def __init__(self, parts: list[Counter | Latency | Gauge | Sampled]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        for part in self._parts:
            yield part.collect()


class Metrics(_Parts):
    """All numbers of one process, with those of the process itself (memory, CPU, files)."""

    def __init__(self, *parts: Counter | Latency | Gauge | Sampled) -> None:
        super().__init__(list(parts))
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def add(self, part: Counter | Latency | Gauge | Sampled) -> None:
        self._parts.append(part)

    def exposition(self) -> bytes:
        """The page a Prometheus server scrapes."""
        return generate_latest(self._registry)
