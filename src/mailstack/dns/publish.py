"""Bring a zone to what it should be, by dynamic update, and touch nothing else.

A record that is right already stays, though it be written otherwise. At the domain's own name only
our sort of TXT record is changed (SPF), never another one. An SPF record that is there is kept, and
``mx`` is put into it. Aliases are not put where addresses are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailstack.dns.ask import ALIAS, ask
from mailstack.dns.judge import caa_issuer, is_ours, judge, lets_us_send
from mailstack.dns.records import Facts, Record, quoted, records_of
from mailstack.dns.update import Change, Tsig, update
from mailstack.errors import MailstackError
from mailstack.outcome import Found, Unavailable
from mailstack.topology.model import Endpoint

Seen = Mapping[tuple[str, str], tuple[str, ...]]
_EXCLUSIVE = {"MX", "A", "AAAA", "TLSA", "SRV", "CNAME"}
"""Types of which all data at the name is ours; others have neighbours."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be changed, and what could not be."""

    changes: tuple[Change, ...]
    kept: tuple[str, ...] = ()
    """In one line each: what stays although it differs."""

    @property
    def diff(self) -> tuple[str, ...]:
        """Lines that begin with ``-`` or ``+``."""
        sign = {"add": "+", "remove": "-"}
        return tuple(
            f"{sign[c.action]} {c.name}. {c.ttl} IN {c.kind} {data}"
            for c in self.changes
            for data in c.data
        )


def plan(records: Sequence[Record], seen: Seen, facts: Facts) -> Plan:
    """Compare what the zone's primary has with what should be. Pure."""
    changes: list[Change] = []
    kept: list[str] = []
    wanted: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        wanted.setdefault((record.name, record.kind), []).append(record)
    for (name, kind), group in wanted.items():
        there = seen.get((name, kind), ())
        if kind != "CNAME" and seen.get((name, "CNAME")):
            kept.append(f"{name} is an alias; its {kind} belongs where that leads")
        elif kind == "CNAME" and any(seen.get((name, other)) for other in ("A", "AAAA")):
            kept.append(f"{name} has addresses of its own; no alias was made")
        elif kind in _EXCLUSIVE:
            changes += _exclusive(name, kind, group, there)
        else:
            for record in group:
                changes += _beside(record, there, facts)
    return Plan(tuple(changes), tuple(kept))


def merged_spf(text: str, facts: Facts) -> str:
    """Let our server send beside those that an SPF record names already."""
    if lets_us_send(text, facts):
        return text
    version, _, rest = text.partition(" ")
    return f"{version} mx {rest or '-all'}"


async def look(server: Endpoint, records: Sequence[Record]) -> Seen:
    """Ask the primary itself what it has under the names and types of ``records``.

    Raises:
        MailstackError: it does not answer for them.
    """
    wanted = {(record.name, record.kind) for record in records}
    wanted |= {(name, other) for name, kind in wanted if kind == "CNAME" for other in ("A", "AAAA")}
    wanted |= {(name, "CNAME") for name, _ in wanted}
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for name, kind in sorted(wanted):
        outcome = await ask(server, name, kind, recursive=False)
        if isinstance(outcome, Unavailable) and outcome.reason.startswith(ALIAS):
            continue
        if isinstance(outcome, Unavailable):
            raise MailstackError(
                f"the name server {server} cannot be asked about {name}: {outcome.reason}",
                advice="see dns.update_server",
            )
        # what stands behind an alias is somebody else's
        if isinstance(outcome, Found) and outcome.value.name.rstrip(".") == name:
            found[name, kind] = outcome.value.data
    return found


async def publish(
    domain: str, facts: Facts, *, server: Endpoint, zone: str, tsig: Tsig | None
) -> Plan:
    """Bring the zone up to date; what was done is returned.

    Raises:
        MailstackError: the server refused, or did not answer; then nothing was changed.
    """
    records = records_of(domain, facts)
    done = plan(records, await look(server, records), facts)
    await update(server, zone, done.changes, tsig)
    return done


def _exclusive(
    name: str, kind: str, group: Sequence[Record], there: Sequence[str]
) -> Sequence[Change]:
    wanted = {record.value: record.ttl for record in group}
    spelled = {value.lower() for value in wanted}
    extra = tuple(value for value in there if value.lower() not in spelled)
    have = {value.lower() for value in there}
    missing = tuple(value for value in wanted if value.lower() not in have)
    ttl = group[0].ttl
    removed = (Change("remove", name, kind, extra, ttl),) if extra else ()
    return (*removed, *((Change("add", name, kind, missing, ttl),) if missing else ()))


def _beside(record: Record, there: Sequence[str], facts: Facts) -> Sequence[Change]:
    if judge(record, there, facts).severity == "ok":
        return ()
    if record.kind == "CAA":
        return _caa(record, there, facts)
    ours = [text for text in there if is_ours(record, text)]
    text = record.value
    if record.key == "spf" and ours:
        text = merged_spf(ours[0], facts)
    stale = tuple(quoted(other) for other in ours if other != text)
    removed = (Change("remove", record.name, "TXT", stale, record.ttl),) if stale else ()
    if text in ours:
        return removed
    return (*removed, Change("add", record.name, "TXT", (quoted(text),), record.ttl))


def _caa(record: Record, there: Sequence[str], facts: Facts) -> Sequence[Change]:
    """Let our authority issue beside others. A record that names an account is stricter, and stays.

    Only where our own account is to be named, looser ones for the same authority go.
    """
    ours = [v for v in there if " issue " in v and caa_issuer(v)[0] == facts.issuer]
    if ours and not facts.account_uri:
        return ()
    stale = tuple(value for value in ours if value != record.value)
    removed = (Change("remove", record.name, "CAA", stale, record.ttl),) if stale else ()
    return (*removed, Change("add", record.name, "CAA", (record.data,), record.ttl))
