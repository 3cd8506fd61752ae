"""Every record that a domain of ours should have in DNS. Pure: facts in, records out.

What is published for the server itself (addresses, TLSA) belongs to the domain that its host name
lies in; other domains lead there by name.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from mailstack.topology.stack import STACK

Level: TypeAlias = Literal["required", "recommended", "optional"]
TTL: Final = 3600
"""Seconds. An hour: mistakes do not last, and resolvers are not asked all the time."""
MAX_NAME: Final = 253
"""Octets of a name as text (RFC 1035 2.3.4)."""
_MAX_STRING: Final = 255
"""Octets of one string of a TXT record (RFC 1035 3.3.14)."""
SERVICES: Final = (
    ("submissions", "postfix", "submissions", "sending mail over TLS (RFC 8314)"),
    ("submission", "postfix", "submission", "sending mail with STARTTLS (RFC 6186)"),
    ("imaps", "dovecot", "imaps", "reading mail over TLS (RFC 6186)"),
    ("imap", "dovecot", "imap", "reading mail with STARTTLS (RFC 6186)"),
    ("sieve", "managesieve", "managesieve", "filter scripts (RFC 5804)"),
)
"""Name of the SRV record, service and port of the topology, purpose."""
HOSTS: Final[tuple[tuple[str, Level, str], ...]] = (
    ("mta-sts", "recommended", "where senders fetch the MTA-STS policy (RFC 8461)"),
    ("autoconfig", "recommended", "Thunderbird's settings"),
    ("autodiscover", "recommended", "Outlook's settings"),
    ("openpgpkey", "optional", "users' OpenPGP keys (WKD)"),
)
"""Label below the domain, level, purpose: names of the web service."""


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A public key of a domain."""

    selector: str
    algorithm: str
    """``rsa`` or ``ed25519``."""
    public: str
    """Base64, as ``p=`` has it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the server and the domain's keys."""

    hostname: str
    addresses: tuple[str, ...] = ()
    keys: tuple[DkimKey, ...] = ()
    tls: tuple[str, ...] = ()
    """SHA-256 of the public key of the certificate in force, then of the next one, in hex."""
    issuer: str = ""
    """By which name CAA records know the authority that makes the certificates; empty: none does,
    or nobody knows."""
    account_uri: str = ""
    """The only account that may have one made there (RFC 8657); empty: any may."""
    mta_sts: str = "testing"
    """Mode of the policy."""
    mta_sts_seconds: int = 604_800


@dataclass(frozen=True, slots=True)
class Record:
    """One record, with what it is for."""

    key: str
    """Stable name: ``mx``, ``dkim.SELECTOR``, ``srv.imaps``."""
    name: str
    """Whole, without the dot at its end."""
    kind: str
    value: str
    """As in a zone file; of a TXT record the text itself, without quotes."""
    level: Level
    purpose: str
    ttl: int = TTL

    @property
    def data(self) -> str:
        """As it stands in a zone file."""
        return quoted(self.value) if self.kind == "TXT" else self.value

    @property
    def line(self) -> str:
        """The very line to publish."""
        return f"{self.name}. {self.ttl} IN {self.kind} {self.data}"


def records_of(domain: str, facts: Facts) -> tuple[Record, ...]:
    """All records for ``domain`` that DNS can hold, the most needed first."""
    return tuple(record for record in _wanted(domain, facts) if len(record.name) <= MAX_NAME)


def impossible(domain: str, facts: Facts) -> tuple[Record, ...]:
    """Records that a very long domain leaves no room for."""
    return tuple(record for record in _wanted(domain, facts) if len(record.name) > MAX_NAME)


def _wanted(domain: str, facts: Facts) -> tuple[Record, ...]:
    return (
        *_mail(domain, facts),
        *_identity(domain, facts),
        *_transport(domain, facts),
        *_services(domain, facts),
    )


def mta_sts_policy(hostname: str, mode: str, seconds: int) -> str:
    """The policy that the web service of the domain serves (RFC 8461 3.2)."""
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {hostname}\r\nmax_age: {seconds}\r\n"


def policy_id(text: str) -> str:
    """Name a policy: another text has another id (at most 32 letters and digits)."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def quoted(text: str) -> str:
    """Write a text as strings of a TXT record, each of at most 255 octets."""
    octets = text.encode()
    parts = [octets[i : i + _MAX_STRING] for i in range(0, len(octets), _MAX_STRING)] or [b""]
    return " ".join(f'"{_escaped(part)}"' for part in parts)


def holds(domain: str, hostname: str) -> bool:
    """Whether the server's name lies in the domain."""
    return hostname == domain or hostname.endswith(f".{domain}")


def _escaped(part: bytes) -> str:
    printable = range(0x20, 0x7F)
    return "".join(
        f"\\{chr(o)}" if o in b'"\\' else chr(o) if o in printable else f"\\{o:03d}" for o in part
    )


def _mail(domain: str, facts: Facts) -> list[Record]:
    host = facts.hostname
    found = [Record("mx", domain, "MX", f"10 {host}.", "required", "where its mail is taken")]
    if holds(domain, host):
        for address in facts.addresses:
            kind = "AAAA" if ":" in address else "A"
            found.append(
                Record(kind.lower(), host, kind, address, "required", "address of the server")
            )
    return found


def _identity(domain: str, facts: Facts) -> list[Record]:
    report = f"mailto:postmaster@{domain}"
    keys = [
        Record(
            f"dkim.{key.selector}",
            f"{key.selector}._domainkey.{domain}",
            "TXT",
            f"v=DKIM1; k={key.algorithm}; p={key.public}",
            "required",
            "key that verifies its signatures (DKIM)",
        )
        for key in facts.keys
    ]
    return [
        Record("spf", domain, "TXT", "v=spf1 mx -all", "required", "only its MX sends its mail"),
        *keys,
        Record(
            "dmarc",
            f"_dmarc.{domain}",
            "TXT",
            f"v=DMARC1; p=reject; rua={report}",
            "required",
            "what others do with forged mail, and whom they tell (DMARC)",
        ),
    ]


def _transport(domain: str, facts: Facts) -> list[Record]:
    policy = policy_id(mta_sts_policy(facts.hostname, facts.mta_sts, facts.mta_sts_seconds))
    found = [
        Record(
            "mta-sts",
            f"_mta-sts.{domain}",
            "TXT",
            f"v=STSv1; id={policy}",
            "recommended",
            "senders must use TLS with a valid certificate (MTA-STS)",
        ),
        Record(
            "tls-rpt",
            f"_smtp._tls.{domain}",
            "TXT",
            f"v=TLSRPTv1; rua=mailto:postmaster@{domain}",
            "recommended",
            "whom senders tell about failures of TLS (TLS-RPT)",
        ),
    ]
    if holds(domain, facts.hostname):
        smtp = STACK.internet_ports["smtp"]
        found += [
            Record(
                "tlsa" if number == 0 else "tlsa.next",
                f"_{smtp}._tcp.{facts.hostname}",
                "TLSA",
                f"3 1 1 {digest}",
                "recommended",
                "key of the certificate in force (DANE)"
                if number == 0
                else "key of the next certificate (DANE)",
            )
            for number, digest in enumerate(dict.fromkeys(facts.tls))
        ]
    if facts.issuer:
        account = f"; accounturi={facts.account_uri}" if facts.account_uri else ""
        issuer = f'0 issue "{facts.issuer}{account}"'
        purpose = "who may issue its certificates (RFC 8659)"
        found.append(Record("caa", domain, "CAA", issuer, "recommended", purpose))
    return found


def _services(domain: str, facts: Facts) -> list[Record]:
    servers = [
        Record(
            f"srv.{name}",
            f"_{name}._tcp.{domain}",
            "SRV",
            f"0 1 {STACK.service(service).port(port).number} {facts.hostname}.",
            "recommended",
            purpose,
        )
        for name, service, port, purpose in SERVICES
    ]
    hosts = [
        Record(f"host.{label}", f"{label}.{domain}", "CNAME", f"{facts.hostname}.", level, purpose)
        for label, level, purpose in HOSTS
        if f"{label}.{domain}" != facts.hostname
    ]
    return [*servers, *hosts]
