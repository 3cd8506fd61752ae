"""``deploy/``: an example installation, so that a change's diff shows what it does to a cluster."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Final

from mailstack.deploy import cluster, compose
from mailstack.deploy.kubernetes import render as kubernetes
from mailstack.deploy.plan import Plan
from mailstack.settings import Settings
from mailstack.topology.stack import STACK

FOLDER: Final = "deploy"
_SETTINGS: Final = Settings.model_validate(
    {
        "domain": "example.com",
        "email": "owner@example.com",
        "region": "europe-west3",
        "zone": "europe-west3-a",
    }
)


@cache
def _rendered() -> Mapping[str, str]:
    plan = Plan(STACK, _SETTINGS)
    engines = {
        "kubernetes": kubernetes.render(plan),
        "compose": compose.render(plan),
        "cluster": cluster.render(plan),
    }
    return {
        f"{FOLDER}/{engine}/{name}": text
        for engine, files in engines.items()
        for name, text in files.items()
    }


def _text(path: str) -> str:
    return _rendered()[path]


def examples() -> Mapping[str, Callable[[], str]]:
    """Path from the repository's root → its text."""
    return {path: partial(_text, path) for path in _rendered()}
