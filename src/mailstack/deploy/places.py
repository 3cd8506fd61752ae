"""Where things are inside a container. Images, manifests and the compose file agree on this."""

from pathlib import PurePosixPath
from typing import Final

STATE: Final = PurePosixPath("/var/lib/mailstack")
"""The state folder: scratch, but for what is mounted into it (data, secrets, overrides)."""
SETTINGS: Final = PurePosixPath("/etc/mailstack")
"""Folder that holds the settings file alone, so that it can be exchanged as a whole."""
SETTINGS_FILE: Final = SETTINGS / "mailstack.toml"
SECURE: Final = STATE / "secure"

ENVIRONMENT: Final = {
    "MAILSTACK_CONFIG": str(SETTINGS_FILE),
    "MAILSTACK_ENGINE": "pod",
    "MAILSTACK_STATE": str(STATE),
}
"""So that the command of a container is ``mailstack run SERVICE``, and the commands that are run
inside (``mailstack user add``) need no option."""


def data(name: str) -> str:
    """Where the volume of a service or job is mounted; its folders are made by the account."""
    return str(STATE / "data" / name)


def overrides(service: str) -> str:
    """Where the owner's lines for ``service`` are mounted."""
    return str(STATE / "overrides" / service)


def command(service: str) -> list[str]:
    """What the container of ``service`` runs."""
    return ["mailstack", "run", service]
