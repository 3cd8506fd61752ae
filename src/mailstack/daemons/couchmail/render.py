"""couchmail's configuration: one JSON file, from the settings and the addresses."""

import json
from pathlib import Path
from typing import get_args

from mailstack.couchmail.config import Config, PortName
from mailstack.daemons.contract import Paths, Site

FILE = "couchmail.json"
TOKEN = "api.token"  # noqa: S105 - a file's name
SOCKET = "api.sock"


def config(site: Site) -> Config:
    """Everything the service is told."""
    ports: tuple[PortName, ...] = get_args(PortName)
    return Config(
        listen={name: site.addresses[f"couchmail.{name}"] for name in ports},
        database=database(site.paths),
        marker=marker(site.paths),
        socket=site.paths.run / SOCKET,
        token_file=token_file(site.paths),
        uid=site.account.uid,
        gid=site.account.gid,
        owner_email=site.settings.email,
        primary_domain=site.settings.domain,
        delimiter=site.settings.mailbox.delimiter,
        lookup_processes=site.settings.couchmail.lookup_processes,
    )


def render(site: Site) -> str:
    """The file's text; the same input gives the same bytes."""
    return json.dumps(config(site).model_dump(mode="json"), indent=2, sort_keys=True) + "\n"


def database(paths: Paths) -> Path:
    """Where the store's file lies: in the volume that the topology declares."""
    return paths.data / "store" / "mail.sqlite"


def marker(paths: Paths) -> Path:
    """Where it is noted that there is a store: not in its volume, in a folder of the account."""
    return paths.secure / "couchmail" / "store-created"


def token_file(paths: Paths) -> Path:
    """Where the API's bearer token lies."""
    return paths.secure / TOKEN
