"""The public test suite of SPF (RFC 7208), and a resolver that plays the zones of its scenarios.

The file is that of release 2.0.14 of pyspf, unchanged; its license lies beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.rrset
import yaml

FILE: Final = Path(__file__).parent / "data/rfc7208/rfc7208-tests.yml"
TIMEOUT: Final = "TIMEOUT"
MAX_ALIASES: Final = 16
"""As many CNAMEs as the resolver library follows."""

Record = tuple[str, Any]
"""Type and value, or the type and ``TIMEOUT``."""
Zone = Mapping[str, Sequence[Record | str]]
"""Name in lower case → its records, and ``TIMEOUT`` for what is not among them."""


@dataclass(frozen=True)
class Case:
    """One question to an evaluation of SPF."""

    name: str
    scenario: str
    client: str
    helo: str
    sender: str
    allowed: Sequence[str]
    """Results; the first one is preferred."""
    zone: Zone


def cases() -> Iterator[Case]:
    """All of the suite."""
    for scenario in yaml.safe_load_all(FILE.read_text("utf-8")):
        zone = {name.lower(): list(_records(of)) for name, of in scenario["zonedata"].items()}
        for name, test in scenario["tests"].items():
            wanted = test["result"]
            allowed = [wanted] if isinstance(wanted, str) else wanted
            where = scenario["description"]
            yield Case(name, where, test["host"], test["helo"], test["mailfrom"], allowed, zone)


def _records(entries: Sequence[Any]) -> Iterator[Record | str]:
    """An SPF record stands for a TXT record too, where a name has none of its own."""
    pairs = [pair for entry in entries if isinstance(entry, dict) for pair in entry.items()]
    own = any(kind == "TXT" for kind, _ in pairs)
    for entry in entries:
        if isinstance(entry, str):
            yield entry
            continue
        for kind, value in entry.items():
            if kind == "SPF" and not own:
                yield "TXT", value
            elif kind != "SPF" and value != "NONE":
                yield kind, value


class _Silence(dns.resolver.LifetimeTimeout):
    def __init__(self) -> None:
        super().__init__(timeout=0, errors=[])  # type: ignore[no-untyped-call]


class _NoSuchName(dns.resolver.NXDOMAIN):
    def __init__(self) -> None:
        super().__init__(qnames=[dns.name.root], responses={})  # type: ignore[no-untyped-call]


class PlayedResolver:
    """Answers as ``dns.resolver.Resolver.resolve`` does."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def resolve(self, name: str, kind: str, **_: object) -> "Answer":
        owner = dns.name.from_text(name)
        for _alias in range(MAX_ALIASES):
            key = b".".join(owner.labels[:-1]).decode().lower()
            if key not in self._zone:
                if key.startswith("error."):
                    raise _Silence
                raise _NoSuchName
            aliases = [one[1] for one in self._zone[key] if one[0] == "CNAME"]
            if not aliases:
                return Answer(owner, kind, self._found(key, kind))
            owner = dns.name.from_text(aliases[0])
        raise dns.resolver.NoNameservers  # as when a chain has no end

    def _found(self, key: str, kind: str) -> list[Any]:
        found: list[Any] = []
        for record in self._zone[key]:
            if record == TIMEOUT:
                if not found:
                    raise _Silence
            elif record[0] == kind:
                if record[1] == TIMEOUT:
                    raise _Silence
                found.append(record[1])
        return found


class Answer:
    """What is looked at of ``dns.resolver.Answer``."""

    def __init__(self, owner: dns.name.Name, kind: str, values: Sequence[Any]) -> None:
        rdatas = [_rdata(kind, value) for value in values]
        self.rrset = dns.rrset.from_rdata_list(owner, 0, rdatas) if rdatas else None


def _rdata(kind: str, value: Any) -> dns.rdata.Rdata:  # noqa: ANN401 - as the file has it
    match kind:
        case "TXT":
            strings = [value] if isinstance(value, str) else value or [""]
            text = b"".join(bytes([len(s.encode())]) + s.encode() for s in strings)
            rdtype = dns.rdatatype.from_text(kind)
            return dns.rdata.from_wire(dns.rdataclass.IN, rdtype, text, 0, len(text))
        case "MX":
            preference, exchange = value
            return dns.rdata.from_text("IN", "MX", f"{preference} {exchange or '.'}", dns.name.root)
        case "PTR":
            return dns.rdata.from_text("IN", kind, f"{value.rstrip('.')}.")
        case _:
            return dns.rdata.from_text("IN", kind, value)
