"""The metrics of couchmail, and where each is read. docs/reference/metrics.md lists them."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from mailstack.aio.listener import Listener
from mailstack.couchmail.config import PortName
from mailstack.couchmail.dictionary import Dictionary
from mailstack.couchmail.lookups import Table
from mailstack.errors import StoreUnavailable
from mailstack.observe.metrics import Counter, Gauge, Labels, Latency, Metrics, Sampled
from mailstack.outcome import Found, NotFound, Unavailable
from mailstack.store.contract import Store

PORTS = ("domains", "mailboxes", "aliases", "dict")
OUTCOMES: Mapping[type, str] = {
    Found: "found",
    NotFound: "not_found",
    Unavailable: "unavailable",
}

Rows = Iterable[tuple[Labels, float]]


def make_latency() -> Latency:
    return Latency("couchmail_lookup_seconds", "Time to answer a lookup of Postfix, in seconds.")


def make_malformed() -> Counter:
    return Counter(
        "couchmail_malformed_requests",
        "Requests that broke their protocol; the connection was closed.",
        ("port",),
        [(port,) for port in PORTS],
    )


def collect(
    *,
    store: Store,
    tables: Mapping[str, Table],
    dictionary: Dictionary,
    listeners: Mapping[PortName, Listener],
    latency: Latency,
    malformed: Counter,
) -> Metrics:
    """Gather every number of the service."""

    def lookups() -> Rows:
        for name, counts in _counts(tables, dictionary):
            for outcome, count in counts.items():
                yield (name, OUTCOMES[outcome]), count

    def of_listeners(attribute: str) -> Rows:
        return [((str(port),), getattr(one, attribute)) for port, one in listeners.items()]

    counter, gauge = CounterMetricFamily, GaugeMetricFamily
    return Metrics(
        Sampled(
            counter, "couchmail_lookups", "Lookups answered.", ("table", "outcome"), lookups
        ),
        latency,
        malformed,
        Sampled(
            gauge, "couchmail_connections", "Open connections.", ("port",),
            lambda: of_listeners("open"),
        ),
        Sampled(
            counter, "couchmail_connections_accepted", "Connections accepted.", ("port",),
            lambda: of_listeners("accepted"),
        ),
        Sampled(
            counter, "couchmail_connections_refused",
            "Connections refused because there were too many.", ("port",),
            lambda: of_listeners("refused"),
        ),
        Gauge(
            "couchmail_store_revision", "Position of the newest change; -1: the store is down.",
            lambda: _position(store),
        ),
    )  # fmt: skip


def _counts(
    tables: Mapping[str, Table], dictionary: Dictionary
) -> Iterator[tuple[str, Mapping[type, int]]]:
    for name, table in tables.items():
        yield name, table.counts
    yield from dictionary.counts.items()


def _position(store: Store) -> int:
    try:
        return store.position()
    except StoreUnavailable:
        return -1
