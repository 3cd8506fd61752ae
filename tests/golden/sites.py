"""The example sites that every daemon is rendered for."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mailstack.daemons.contract import Account, Paths, Site, Version
from mailstack.settings import Settings
from mailstack.topology.addresses import cluster, one_machine, resolver_host
from mailstack.topology.stack import STACK

ACCOUNT = Account(900, 901)
STATE = Path("/srv/mail")


def site(
    service: str,
    *,
    version: Version,
    public_host: str = "all",
    offset: int = 0,
    in_cluster: bool = False,
    settings: Mapping[str, Any] | None = None,
    features: Collection[str] = (),
) -> Site:
    """The site of ``service``: one machine, or a pod of a cluster."""
    addresses = (
        cluster(STACK, service)
        if in_cluster
        else one_machine(STACK, service, public_host=public_host, offset=offset)
    )
    given = {"domain": "example.org", "email": "owner@example.org", **(settings or {})}
    return Site(
        settings=Settings.model_validate(given),
        addresses=addresses,
        paths=Paths(STATE, service),
        version=version,
        account=ACCOUNT,
        resolver="" if in_cluster else resolver_host(offset),
        features=frozenset(features),
    )
