"""The metrics of couchmail. docs/reference/metrics.md lists them.

Each process counts by itself, in plain integers; what a scrape shows is the sum. Rows go from one
process to another as JSON.
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from mailstack.errors import StoreUnavailable
from mailstack.observe.metrics import Gauge, Labels, Latency, Metrics, Sampled
from mailstack.store.contract import Store

Row: TypeAlias = tuple[str, Labels, int]
"""Name of a metric, values of its labels, number."""
Read = Callable[[], Iterable[Row]]

_BUCKET = "bucket"
_TOTAL = "total_ns"


class LookupLatency(Latency):
    """How long lookups take in this process."""

    def __init__(self) -> None:
        super().__init__(
            "couchmail_lookup_seconds", "Time to answer a lookup of Postfix, in seconds."
        )

    def rows(self) -> Iterable[Row]:
        yield _TOTAL, (), self.total_ns
        for bucket, count in enumerate(self.counts):
            if count:
                yield _BUCKET, (str(bucket),), count


class _SummedLatency(LookupLatency):
    def __init__(self, read: Read) -> None:
        super().__init__()
        self._read = read

    def collect(self) -> Metric:
        self.total_ns = sum(_sums(self._read, _TOTAL).values())
        buckets = _sums(self._read, _BUCKET)
        self.counts = [buckets.get((str(bucket),), 0) for bucket in range(len(self.counts))]
        return super().collect()


def collect(store: Store, read: Read) -> Metrics:
    """Gather every number of the service; ``read`` has those of all processes."""

    def summed(
        family: type[CounterMetricFamily | GaugeMetricFamily], name: str, text: str, *labels: str
    ) -> Sampled:
        return Sampled(family, name, text, labels, lambda: _sums(read, name).items())

    counter, gauge = CounterMetricFamily, GaugeMetricFamily
    return Metrics(
        summed(counter, "couchmail_lookups", "Lookups answered.", "table", "outcome"),
        _SummedLatency(read),
        summed(
            counter, "couchmail_malformed_requests",
            "Requests that broke their protocol; the connection was closed.", "port",
        ),
        summed(gauge, "couchmail_connections", "Open connections.", "port"),
        summed(counter, "couchmail_connections_accepted", "Connections accepted.", "port"),
        summed(
            counter, "couchmail_connections_refused",
            "Connections refused because there were too many.", "port",
        ),
        Gauge(
            "couchmail_store_revision", "Position of the newest change; -1: the store is down.",
            lambda: _position(store),
        ),
    )  # fmt: skip


def _sums(read: Read, name: str) -> dict[Labels, int]:
    sums: dict[Labels, int] = {}
    for metric, labels, number in read():
        if metric == name:
            sums[labels] = sums.get(labels, 0) + number
    return sums


def _position(store: Store) -> int:
    try:
        return store.position()
    except StoreUnavailable:
        return -1
