"""What an owner should hear of at once, wherever alerts of this service go: on a cluster, to it.

The manifests name the pod in its environment where it may tell the cluster (kubernetes.events).
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

POD: Final = "MAILSTACK_POD"
POD_UID: Final = "MAILSTACK_POD_UID"


class Matter(StrEnum):
    """What it is about: a word that machines and people look for."""

    REFUSED = "ConfigurationRefused"
    CERTIFICATE = "CertificateEnds"


Alert = Callable[[Matter, str], None]


def nobody(_: Matter, __: str) -> None:
    """Tell nobody: the log, the status and the numbers have it."""
