"""What Postfix tells of each TLS handshake, by libtlsrpt: one datagram, JSON with short names.

Written by our own Postfix, but with words of strangers in it: names of servers, what they greet
with, their domain's record. So it is read strictly and cut to size. What is unknown is passed over,
since the library may learn to say more. Not: counting, and what RFC 8460 makes of the counts.

The format is that of libtlsrpt (https://github.com/sys4/libtlsrpt): version 1 of 0.5, and what
Debian 13 has, which names no version yet.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mailstack.errors import ProtocolError
from mailstack.model.domains import DomainName, parse_domain

VERSION: Final = "1"
MAX_OCTETS: Final = 65_536
"""Of a datagram; the library's policies and failures are much shorter."""
MAX_POLICIES: Final = 8
"""Of one handshake. Postfix names the one that it followed."""
MAX_LINES: Final = 110
"""Of a policy: an MTA-STS policy of as many servers as ours may have."""
MAX_FAILURES: Final = 8
MAX_TEXT: Final = 255
"""Characters of any other word."""
MAX_RECORD: Final = 2048
POLICY_TYPES: Final = {1: "tlsa", 2: "sts", 9: "no-policy-found"}
RESULT_TYPES: Final = {
    201: "starttls-not-supported",
    202: "certificate-host-mismatch",
    203: "certificate-not-trusted",
    204: "certificate-expired",
    205: "validation-failure",
    301: "sts-policy-fetch-error",
    302: "sts-policy-invalid",
    303: "sts-webpki-invalid",
    304: "tlsa-invalid",
    305: "dnssec-invalid",
    306: "dane-required",
}
"""Numbers of the library → words of RFC 8460 4.3."""


class BadDatagram(ProtocolError):
    """It is not what the library writes."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a domain promised, as Postfix held it to (RFC 8460 4.4)."""

    type: str
    domain: str
    lines: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a handshake failed; any word but the first may be empty."""

    result: str
    sender: str = ""
    """Our own address."""
    server: str = ""
    greeting: str = ""
    address: str = ""
    information: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """One handshake under one policy."""

    domain: DomainName
    record: str
    """``v=TLSRPTv1; rua=…``, as Postfix found it."""
    policy: Policy
    failed: bool
    failures: tuple[Failure, ...]


def read_datagram(octets: bytes) -> Iterator[Session]:
    """Yield one session for each policy that a datagram names.

    Raises:
        BadDatagram: it breaks the format.
    """
    if len(octets) > MAX_OCTETS:
        raise BadDatagram(f"it has more than {MAX_OCTETS} octets")
    try:
        # the library passes on octets that are no UTF-8
        found = json.loads(octets.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise BadDatagram(f"it is no JSON: {error}") from error
    whole = _object(found, "the datagram")
    version = whole.get("dpv", VERSION)
    if version != VERSION:
        raise BadDatagram(f"its version is {str(version)[:20]!r}, not {VERSION!r}")
    domain = _domain(whole)
    record = _text(whole, "pr", MAX_RECORD)
    for one in _list(whole, "policies", MAX_POLICIES):
        yield _session(domain, record, _object(one, "a policy"))


def _session(domain: DomainName, record: str, fields: dict[str, Any]) -> Session:
    policy = Policy(
        type=_one_of(POLICY_TYPES, fields.get("policy-type"), "policy-type"),
        domain=_text(fields, "policy-domain") or domain,
        lines=_texts(fields, "policy-string"),
        servers=_texts(fields, "mx-host"),
    )
    failures = tuple(
        _failure(_object(one, "a failure"))
        for one in _list(fields, "failure-details", MAX_FAILURES)
    )
    match fields.get("f"):
        case 0 | 1 as failed:
            return Session(domain, record, policy, bool(failed), failures)
        case other:
            raise BadDatagram(f"how it ended is {str(other)[:20]!r}")


def _failure(fields: dict[str, Any]) -> Failure:
    return Failure(
        result=_one_of(RESULT_TYPES, fields.get("c"), "c"),
        sender=_text(fields, "s"),
        server=_text(fields, "n"),
        greeting=_greeting(fields),
        address=_text(fields, "r"),
        information=_text(fields, "a"),
        reason=_text(fields, "f"),
    )


def _greeting(fields: dict[str, Any]) -> str:
    """Of an answer to EHLO the name in its first line; the lines below it are extensions."""
    first = str(fields.get("h", "")).partition("\n")[0]
    return _plain(first.removeprefix("250-").removeprefix("250 "), MAX_TEXT)


def _domain(fields: dict[str, Any]) -> DomainName:
    try:
        return parse_domain(_text(fields, "d"))
    except ValueError as error:
        raise BadDatagram(str(error)) from error


def _one_of(known: dict[int, str], value: object, name: str) -> str:
    if type(value) is not int or value not in known:
        raise BadDatagram(f"{name} is {str(value)[:20]!r}")
    return known[value]


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadDatagram(f"{name} is no object")
    return value


def _list(fields: dict[str, Any], name: str, longest: int) -> list[Any]:
    value = fields.get(name, [])
    if not isinstance(value, list):
        raise BadDatagram(f"{name} is no list")
    return value[:longest]


def _texts(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    return tuple(_plain(str(one), MAX_TEXT) for one in _list(fields, name, MAX_LINES))


def _text(fields: dict[str, Any], name: str, longest: int = MAX_TEXT) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise BadDatagram(f"{name} is no text")
    return _plain(value, longest)


def _plain(text: str, longest: int) -> str:
    """What can be shown, and no more of it than fits."""
    return "".join(c for c in text[: 2 * longest] if c.isprintable())[:longest].strip()
