"""The supervisor's numbers for Prometheus, in ``STATE/run/mailstack.prom``.

A file for node_exporter's textfile collector: on one machine the supervisor opens no port of its
own. Rewritten whole at each change; every series is there from the start.
"""

from collections.abc import Iterable
from pathlib import Path

from mailstack.aio.files import replace_text
from mailstack.observe.health import Health
from mailstack.observe.health_numbers import exposition


def path(state: Path) -> Path:
    return state / "run" / "mailstack.prom"


def write(state: Path, healths: Iterable[Health]) -> None:
    """Put the numbers of all services into the file."""
    replace_text(path(state), exposition(list(healths)))
