"""MTA-STS: the record that says there is a policy, and the policy itself, read strictly.

Text in, values out; nothing is fetched here. What breaks the grammar is no policy (RFC 8461 3.1,
3.2), and a name that could be read as more than a name never leaves this module.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mailstack.errors import ProtocolError
from mailstack.model.domains import parse_domain

MAX_OCTETS: Final = 64 * 1024
"""Of a policy (RFC 8461 3.3 suggests this limit)."""
MAX_AGE_S: Final = 31_557_600
"""A year: the most that a policy may say (RFC 8461 3.2)."""
MAX_SERVERS: Final = 100
"""Patterns of one policy; the answer to Postfix has to hold them all."""
VERSION: Final = "STSv1"

_RECORD = re.compile(rf"v={VERSION}\s*;")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_AGE = re.compile(r"[0-9]{1,10}")

Mode = Literal["enforce", "testing", "none"]


class BadPolicy(ProtocolError):
    """The text is no policy."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a domain promises about the servers that take its mail."""

    mode: Mode
    max_age_s: int
    servers: tuple[str, ...]
    """Names, or ``*.NAME`` for every name one label longer; A-labels, lower case."""


def policy_id(texts: Sequence[str]) -> str:
    """Return the id in the TXT records of ``_mta-sts.DOMAIN``; empty: there is no policy.

    Other records may stand beside it; two of this kind are none (RFC 8461 3.1).
    """
    ours = [text for text in texts if _RECORD.match(text)]
    if len(ours) != 1:
        return ""
    try:
        fields = dict(_field(part, "=") for part in ours[0].split(";") if part.strip())
    except BadPolicy:
        return ""
    found = fields.get("id", "")
    return found if _ID.fullmatch(found) else ""


def read_policy(body: bytes) -> Policy:
    """Read a policy file. Lines end in LF or CRLF; unknown fields are passed over.

    Raises:
        BadPolicy: it breaks the grammar, or is larger than ``MAX_OCTETS``.
    """
    if len(body) > MAX_OCTETS:
        raise BadPolicy(f"{len(body)} octets; the limit is {MAX_OCTETS}")
    try:
        lines = body.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise BadPolicy("it is no UTF-8") from error
    pairs = [_field(line, ":") for line in lines if line.strip()]
    first: dict[str, str] = {}
    for name, value in pairs:
        first.setdefault(name, value)  # of a field that may stand once, the first counts
    if first.get("version") != VERSION:
        raise BadPolicy("it does not say version: STSv1")
    servers = tuple(_server(value) for name, value in pairs if name == "mx")
    return _policy(first, servers)


def _policy(fields: dict[str, str], servers: tuple[str, ...]) -> Policy:
    age = fields.get("max_age", "")
    if not _AGE.fullmatch(age):
        raise BadPolicy(f"max_age is {age[:20]!r}")
    if len(servers) > MAX_SERVERS:
        raise BadPolicy(f"{len(servers)} servers; the limit is {MAX_SERVERS}")
    age_s = min(int(age), MAX_AGE_S)
    match fields.get("mode"):
        case "enforce" | "testing" as mode if servers:
            return Policy(mode, age_s, servers)
        case "none":
            return Policy("none", age_s, servers)
        case mode:
            raise BadPolicy(f"mode is {mode!r}, with {len(servers)} servers")


def _field(line: str, between: str) -> tuple[str, str]:
    name, found, value = line.partition(between)
    if not found:
        raise BadPolicy(f"{line[:40]!r} is no field")
    return name.strip(), value.strip()


def _server(pattern: str) -> str:
    star = "*." if pattern.startswith("*.") else ""
    try:
        return star + parse_domain(pattern.removeprefix("*."))
    except ValueError as error:
        raise BadPolicy(f"mx is {pattern[:80]!r}") from error


def postfix_policy(_: str, policy: Policy) -> str:
    """Spell an enforced policy as smtp_tls_policy_maps has it (postconf(5), 3.7).

    ``.example.org`` also matches names more than one label longer; whoever holds a certificate for
    such a name was given it by that domain. The name is asked for by SNI (RFC 8461 4.1).
    """
    names = ":".join(server.removeprefix("*") for server in policy.servers)
    return f"secure match={names} servername=hostname"


def whole_postfix_policy(domain: str, policy: Policy) -> str:
    """Spell it for Postfix 3.10 and later, which is told all of it (TLSRPT_README).

    It names the policy in what it tells of the handshake, and from 3.10.5 on passes over servers
    that no pattern names: a star stands for one label, as RFC 8461 4.1 has it.
    """
    lines = (
        f"version: {VERSION}",
        f"mode: {policy.mode}",
        *(f"mx: {server}" for server in policy.servers),
        f"max_age: {policy.max_age_s}",
    )
    words = [
        postfix_policy(domain, policy),
        f"policy_type=sts policy_domain={domain}",
        *(f"mx_host_pattern={server}" for server in policy.servers),
        *(f"{{ policy_string = {line} }}" for line in lines),
    ]
    return " ".join(words)
