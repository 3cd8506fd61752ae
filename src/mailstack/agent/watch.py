"""Tell when the settings, an override or the certificate changed, within a second of the change.

One watcher for all services. It tells *that* something changed, never what: agents read everything
anew and compare, so an editor's rename, a ConfigMap's exchanged link and a removed file need no
handling of their own.
"""

import logging
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path
from typing import Final

from watchfiles import Change, awatch

_DEBOUNCE_MS: Final = 200
"""Changes that come together are told together: an editor writes a file in several steps."""
_STEP_MS: Final = 100
"""Between two looks at what the kernel has queued; the price is ten wake-ups a second."""


_KUBERNETES: Final = "..data"
"""The link that the kubelet exchanges when a mounted ConfigMap or Secret changes."""


def certificate_folders(secure: Path) -> list[Path]:
    """Return what to watch for a new certificate: its folder, and where the kubelet's link is."""
    return [folder for folder in (secure, secure / "tls") if folder.is_dir()]


async def changes(config: Path, folders: Iterable[Path]) -> AsyncGenerator[None, None]:
    """Yield after each change of the file ``config``, or of a file in one of ``folders``.

    The file's folder is watched too, since a new file takes its place with each save; what happens
    to other files there is not told. All folders must exist.
    """
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of each change
    overrides = set(folders)
    configs = {config, config.resolve()}  # noqa: ASYNC240 - once, on a local disk

    def wanted(_: Change, changed: str) -> bool:
        path = Path(changed)
        return path in configs or path.parent in overrides or path.name == _KUBERNETES

    async for _ in awatch(
        *overrides | {path.parent for path in configs},
        watch_filter=wanted,
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        recursive=False,
    ):
        yield
