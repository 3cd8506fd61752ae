"""Which port answers what: the names Postfix asks for, and what each answer looks like there.

A ``tcp:`` table has no name in its requests, so each port has one map that stands first.
"""

from collections.abc import Mapping

from mailstack.couchmail.config import PortName
from mailstack.couchmail.lookups import Answer, Table
from mailstack.directory import Directory
from mailstack.observe.metrics import Latency
from mailstack.outcome import Found, Outcome

PORTS: Mapping[PortName, tuple[str, ...]] = {
    "domains": ("domains", "dkim"),
    "mailboxes": ("mailboxes",),
    "aliases": ("aliases", "senders", "forwarded"),
}
"""Maps by port; the first is the one that tcp_table gets."""


def make_tables(directory: Directory, latency: Latency) -> dict[str, Table]:
    """Build every map, by name."""
    answers: dict[str, Answer] = {
        "domains": directory.domain,
        "dkim": directory.signing_key,
        "mailboxes": directory.mailbox,
        "aliases": lambda key: _listed(directory.alias(key)),
        "senders": lambda key: _listed(directory.senders(key)),
        "forwarded": directory.forwarded,
    }
    return {name: Table(name, answer, latency) for name, answer in answers.items()}


def _listed(outcome: Outcome[tuple[str, ...]]) -> Outcome[str]:
    """Addresses as Postfix lists them: with commas (virtual(5), smtpd_sender_login_maps)."""
    return Found(", ".join(outcome.value)) if isinstance(outcome, Found) else outcome
