"""The supervisor's numbers for Prometheus, in ``STATE/run/mailstack.prom``.

A file for node_exporter's textfile collector: on one machine the supervisor opens no port of its
own. Rewritten whole at each change; every series is there from the start.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from mailstack.aio.files import replace_text
from mailstack.observe.health import ConfigState, Health, State


def path(state: Path) -> Path:
    return state / "run" / "mailstack.prom"


def write(state: Path, healths: Iterable[Health]) -> None:
    """Put the numbers of all services into the file."""
    replace_text(path(state), exposition(list(healths)))


def exposition(healths: Iterable[Health]) -> str:
    """Return the text format, version 0.0.4."""
    records = list(healths)
    series = {
        ("mailstack_service_healthy", "gauge", "Whether the service answers its probe"): {
            health.service: int(health.state is State.HEALTHY) for health in records
        },
        ("mailstack_service_restarts_total", "counter", "Unplanned restarts"): {
            health.service: health.restarts for health in records
        },
        ("mailstack_config_refused", "gauge", "Whether the owner's latest wish is not in force"): {
            health.service: int(health.config.state is ConfigState.REFUSED) for health in records
        },
        ("mailstack_config_refusals_total", "counter", "Configurations refused"): {
            health.service: health.config.refusals for health in records
        },
    }
    return "".join(
        line for head, values in series.items() for line in _family(*head, values.items())
    )


def _family(name: str, kind: str, text: str, values: Iterable[tuple[str, int]]) -> Iterator[str]:
    yield f"# HELP {name} {text}.\n# TYPE {name} {kind}\n"
    for service, value in values:
        yield f'{name}{{service="{service}"}} {value}\n'
