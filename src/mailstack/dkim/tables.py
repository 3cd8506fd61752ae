"""``python -m mailstack.dkim.tables --config FILE``: write OpenDKIM's tables anew, then end.

For an OpenDKIM that cannot ask couchmail itself (``daemons/opendkim/tables.py``). Two files, as
opendkim(8) reads them ("file:"), of one line for each domain of ours, and below ``private`` the
keys themselves, opened: readable for OpenDKIM's account alone, in a folder that a reboot empties.

A key that retires stays there for as long as it may be needed: a session that Postfix has open goes
on with the tables of its beginning. One that the tables before named stays until the next change,
for those who come before OpenDKIM has read the new ones. A key that cannot be opened is passed
over, and the stack's one key signs; coming again would not help the message.

A process of its own, because the library that opens keys would stay in the memory of the agent.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mailstack.aio.files import replace_text
from mailstack.aio.privileges import drop
from mailstack.client import Client, TcpTransport
from mailstack.dkim.master import MASTER, read_master
from mailstack.dkim.sealing import owner_line, unseal
from mailstack.errors import ConfigError, MailstackError
from mailstack.program.config import Rendered, secret
from mailstack.program.run import config_file
from mailstack.topology.model import Endpoint

SIGNING: Final = "signing"
KEYS: Final = "keys"
PRIVATE: Final = "private"
_ALGORITHM: Final = "rsa"
_PAGE: Final = "500"
_SECRET: Final = 0o600


@dataclass(frozen=True, slots=True)
class Config(Rendered):
    """What the pass is told: one JSON file, rendered by ``daemons/opendkim``."""

    api: Endpoint
    secure: Path
    """Where master key, token and the stack's one key lie."""
    one_key: Path
    selector: str
    """Of the one key."""
    folder: Path
    uid: int
    gid: int


@dataclass(slots=True)
class Tables:
    """Collects lines while it puts the keys in their places."""

    config: Config
    master: bytes | None = field(repr=False)
    signing: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    kept: set[Path] = field(default_factory=set)

    def add(self, domain: str, items: list[Mapping[str, Any]]) -> None:
        """Take in a domain of ours and its keys, as couchmail's API shows them."""
        selector, file = self.config.selector, self.config.one_key
        for item in items:
            if item["algorithm"] != _ALGORITHM or not item["sealed"]:
                continue
            opened = self._opened(domain, item)
            if opened is not None and item["state"] == "signing":
                selector, file = item["selector"], opened
        self.signing.append(f"{domain} {domain}\n")
        self.keys.append(f"{domain} {domain}:{selector}:{file}\n")

    def _opened(self, domain: str, item: Mapping[str, Any]) -> Path | None:
        file = self.config.folder / PRIVATE / domain / str(item["selector"])
        owner = owner_line(domain, item["selector"], _ALGORITHM)
        try:
            if self.master is None:
                raise ConfigError("is missing", file=self.config.secure / MASTER)
            text = unseal(self.master, owner, item["sealed"])
        except MailstackError as error:
            if item["state"] == "signing":
                sys.stdout.write(f"the {_ALGORITHM} key of {domain} cannot be used: {error}\n")
            return None
        self.kept.add(file)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists() or file.read_text() != text:
            replace_text(file, text, mode=_SECRET)
        return file

    def write(self) -> None:
        """Put the tables in place: the keys before what names them, and what is over goes last."""
        self.kept |= self._in_force()
        replace_text(self.config.folder / KEYS, "".join(self.keys), mode=_SECRET)
        replace_text(self.config.folder / SIGNING, "".join(self.signing), mode=_SECRET)
        for folder in (self.config.folder / PRIVATE).glob("*"):
            for file in folder.iterdir():
                if file not in self.kept:
                    file.unlink()
            if not any(folder.iterdir()):
                shutil.rmtree(folder)

    def _in_force(self) -> set[Path]:
        """Keys that the tables before this pass name."""
        lines = (self.config.folder / KEYS).read_text().splitlines()
        return {Path(line.rpartition(":")[2]) for line in lines}


def make(client: Client, tables: Tables) -> None:
    """Ask for all domains and all keys, and write what comes of it.

    Raises:
        MailstackError: the datastore cannot tell; the tables stay as they are.
    """
    keys = {one["domain"]: one["items"] for one in _all(client, "dkim", sealed="true")}
    for domain in _all(client, "domains"):
        if domain["enabled"]:
            tables.add(domain["name"], keys.get(domain["name"], []))
    tables.write()


def _all(client: Client, collection: str, **query: str) -> Iterator[Mapping[str, Any]]:
    after = ""
    while True:
        asked = {"limit": _PAGE, "after": after, **query}
        found = client.call("GET", collection, query=asked).fields
        yield from found["items"]
        after = found["next"]
        if not after:
            return


def main() -> int:
    """Run once. The exit status is 1 with one line when it cannot do its work."""
    try:
        config = Config.read(config_file())
        client = Client(TcpTransport(config.api, secret(config.secure / "api.token")))
        master = config.secure / MASTER
        tables = Tables(config, read_master(master) if master.exists() else None)
        drop(config.uid, config.gid)
        make(client, tables)
    except (MailstackError, OSError) as error:
        sys.stdout.write(f"dkim: the tables are as they were: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
