"""docs/reference/metrics.md, from where the metrics are made.

The source is read, not run: a metric exists where ``Counter("name", "text", …)`` stands, whether or
not a service is there to ask. The supervisor writes a file instead; its numbers, one for each
service, stand as ``("name", "gauge", "text")``.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailstack.generate.markdown import code, page, table

SRC = Path(__file__).parents[1]

_KINDS = {"Counter": "counter", "Gauge": "gauge", "Latency": "histogram"}
_FAMILIES = {"counter": "counter", "CounterMetricFamily": "counter"}

_ABOUT = """\
In Prometheus' text format. couchmail serves its numbers on its `api` port, other programs of ours
on their `http` ports, all at `/metrics`, beside those of the process (memory, CPU, open files). The
supervisor opens no port: it keeps STATE/run/mailstack.prom up to date, for node_exporter's textfile
collector. Dovecot's own statistics are on its `metrics` port.

Every series exists from the start with 0, so that a rate sees the first event too. Names are kept:
they change only with a note in the changelog.
"""


@dataclass(frozen=True, slots=True, order=True)
class Metric:
    """One metric as Prometheus sees it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


def metrics_page() -> str:
    """Every metric of our own programs."""
    rows = [(code(m.name), m.kind, ", ".join(m.labels), m.text) for m in metrics()]
    head = ("Metric", "Type", "Labels", "Meaning")
    return page("Metrics", "src/mailstack", _ABOUT, table(head, rows))


def metrics() -> list[Metric]:
    """Every metric that stands in the source, by name."""
    trees = (ast.parse(path.read_text()) for path in sorted(SRC.rglob("*.py")))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return sorted(metric for node in nodes for metric in _metric(node))


def _metric(node: ast.AST) -> Iterator[Metric]:
    match node:
        case ast.Call():
            yield from _made(node)
        case ast.Tuple(
            elts=[
                ast.Constant(value=str(name)),
                ast.Constant(value="counter" | "gauge" as kind),
                ast.Constant(value=str(text)),
            ]
        ):
            yield Metric(name, kind, ("service",), text)


def _made(call: ast.Call) -> Iterator[Metric]:
    match call:
        case ast.Call(
            func=ast.Name(id="summed"),
            args=[ast.Name(id="counter" | "gauge" as kind), *given],
        ):
            # couchmail's, which are sums over its processes: a name, a text, then the labels
            name, text, *labels = [a.value for a in given if isinstance(a, ast.Constant)]
            yield _metric_of(kind, str(name), str(text), tuple(map(str, labels)))
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"),
            args=[ast.Constant(value=str(name)), ast.Constant(value=str(text))],
        ) if name.endswith("_seconds"):
            yield _metric_of("histogram", name, text, ())
        case ast.Call(func=ast.Name(id=maker)):
            yield from _constructed(maker, call)


def _constructed(maker: str, call: ast.Call) -> Iterator[Metric]:
    kind = _KINDS.get(maker, "")
    if maker == "Sampled" and call.args and isinstance(call.args[0], ast.Name):
        kind = _FAMILIES.get(call.args[0].id, "gauge")
    texts = [a.value for a in call.args if isinstance(a, ast.Constant) and type(a.value) is str]
    if kind and texts:
        yield _metric_of(kind, texts[0], texts[1], _labels(call))


def _metric_of(kind: str, name: str, text: str, labels: tuple[str, ...]) -> Metric:
    """The exposition format has counters end in _total."""
    return Metric(f"{name}_total" if kind == "counter" else name, kind, labels, text)


def _labels(call: ast.Call) -> tuple[str, ...]:
    for argument in call.args:
        if isinstance(argument, ast.Tuple):
            return tuple(e.value for e in argument.elts if isinstance(e, ast.Constant))  # type: ignore[misc]
    return ()
