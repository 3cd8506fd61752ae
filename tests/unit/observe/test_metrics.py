"""Metrics, counted as plain integers."""

from prometheus_client.parser import text_string_to_metric_families

from mailstack.observe.metrics import Counter, Gauge, Latency, Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_series_exist_before_the_first_event() -> None:
    """A rate must see the first event, so the series is there with 0 before."""
    counter = Counter("x", "Events.", ("kind",), [("a",), ("b",)])
    metrics = Metrics(counter)
    assert samples(metrics)["x_total", ("a",)] == 0
    counter.counts["a",] += 2
    assert samples(metrics)["x_total", ("a",)] == 2
    assert samples(metrics)["x_total", ("b",)] == 0


def test_latency_buckets_are_powers_of_two() -> None:
    """Each observation is in the first bucket whose bound is above it, and in all larger ones."""
    latency = Latency("t_seconds", "Time.")
    for elapsed in (0, 16_383, 16_384, 1_000_000, 10**12):
        latency.observe(elapsed)
    found = samples(Metrics(latency))
    assert found["t_seconds_bucket", ("1.6384e-05",)] == 2
    assert found["t_seconds_bucket", ("3.2768e-05",)] == 3
    assert found["t_seconds_bucket", ("0.00104858",)] == 4
    assert found["t_seconds_bucket", ("0.536871",)] == 4
    assert found["t_seconds_bucket", ("+Inf",)] == 5
    assert found["t_seconds_count", ()] == 5


def test_gauges_are_read_when_asked() -> None:
    """A gauge has the value of the moment; the process itself is measured, too."""
    values = [1.0, 2.0]
    metrics = Metrics()
    metrics.add(Gauge("g", "Something.", lambda: values[-1]))
    assert samples(metrics)["g", ()] == 2
    values.append(3.0)
    found = samples(metrics)
    assert found["g", ()] == 3
    assert found["process_resident_memory_bytes", ()] > 0
