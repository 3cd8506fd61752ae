"""Which tests run side by side when there are two workers, and which never do.

Most tests wait for daemons, so a second worker costs the first one little. What shares a network,
ports or a root stays on one worker, in its order: a stream. Streams meet nowhere: containers and
Debian 13 have networks of their own, and what is in no stream needs no daemon. pytest-xdist hands
out the streams first, and then what is left, file by file, to the worker that is free.
"""

from pathlib import PurePosixPath
from typing import Any

import pytest

_STREAMS = (
    # The machine itself: its loopback, its ports, the small internets.
    ("tests/daemons", "tests/e2e"),
    # Podman's images and networks.
    ("tests/containers",),
    # One root, and what is written there.
    ("tests/daemons/test_debian13.py",),
)


def stream(nodeid: str) -> str:
    """Return the name of what a test must stay with: a stream's first place, or its own file."""
    file = PurePosixPath(nodeid.partition("::")[0])
    found = (one[0] for one in reversed(_STREAMS) if any(map(file.is_relative_to, one)))
    return next(found, str(file))


def streams_first(items: list[pytest.Item]) -> None:
    """Sort tests: each stream, and then all that is in none."""
    order = {one[0]: number for number, one in enumerate(_STREAMS)}
    items.sort(key=lambda item: order.get(stream(item.nodeid), len(order)))


def scheduler(config: pytest.Config, log: Any) -> Any:  # noqa: ANN401 - pytest-xdist has no types
    """Return what gives a worker a whole stream, or a whole file, at a time, as they come."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - absent where nobody needs it

    config.option.loadscopereorder = False
    made = LoadScopeScheduling(config, log)
    made._split_scope = stream
    return made
