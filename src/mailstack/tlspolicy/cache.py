"""Policies that were fetched, in memory and on disk: one file for each domain, named as it is.

A policy outlives a restart, because it must be held to until it expires, whoever keeps us from
fetching it again (RFC 8461 3.3, 10.2).
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mailstack.aio import files
from mailstack.errors import ProtocolError
from mailstack.model.domains import DomainName, parse_domain
from mailstack.protocols.mta_sts import Policy, read_policy

MAX_POLICIES: Final = 10_000
"""Domains. At some 1 KiB each; beyond it, what expires first goes."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One policy. Times are seconds of the epoch, because they outlive the machine's uptime."""

    id: str
    policy: Policy
    fetched: float
    checked: float
    """When DNS last said which one is in force, or did not answer."""

    @property
    def expires(self) -> float:
        return self.fetched + self.policy.max_age_s


class Cache:
    """Entries by domain. Writes are small and rare, so they run on the event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[DomainName, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def load(self) -> None:
        """Read what an earlier run has kept. What cannot be read is fetched anew, when asked."""
        for path in sorted(self._folder.iterdir()):
            try:
                domain, entry = _read(path)
            except (OSError, ValueError, KeyError, TypeError, ProtocolError) as error:
                _log.warning("%s is not a policy of ours, and goes: %r", path, error)
                path.unlink(missing_ok=True)
            else:
                self._entries[domain] = entry

    def get(self, domain: DomainName, now: float) -> Entry | None:
        """Return what is in force; an expired one is forgotten."""
        entry = self._entries.get(domain)
        if entry is not None and entry.expires <= now:
            self.forget(domain)
            return None
        return entry

    def put(self, domain: DomainName, entry: Entry, body: bytes) -> None:
        """Keep a policy, on disk before in memory.

        Raises:
            OSError: it cannot be written.
        """
        fields = {"id": entry.id, "fetched": entry.fetched, "policy": body.decode()}
        files.replace_text(self._folder / domain, json.dumps(fields), durable=True)
        self._entries[domain] = entry
        if len(self._entries) > MAX_POLICIES:
            self.forget(min(self._entries, key=lambda name: self._entries[name].expires))

    def note(self, domain: DomainName, checked: float) -> None:
        """Note that DNS was asked."""
        if (entry := self._entries.get(domain)) is not None:
            self._entries[domain] = replace(entry, checked=checked)

    def forget(self, domain: DomainName) -> None:
        self._entries.pop(domain, None)
        (self._folder / domain).unlink(missing_ok=True)

    def older_than(self, fetched: float) -> Iterator[DomainName]:
        """Yield the domains whose policy was fetched before."""
        yield from [name for name, entry in self._entries.items() if entry.fetched < fetched]


def _read(path: Path) -> tuple[DomainName, Entry]:
    fields = json.loads(path.read_text("utf-8"))
    policy = read_policy(str(fields["policy"]).encode())
    domain = parse_domain(path.name)
    if domain != path.name:
        raise ValueError("the name is not a domain's")
    return domain, Entry(str(fields["id"]), policy, float(fields["fetched"]), checked=0.0)
