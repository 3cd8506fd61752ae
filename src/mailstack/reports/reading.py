"""Reads a report: DMARC's XML (RFC 7489, appendix C) or TLS-RPT's JSON (RFC 8460 4). Pure.

Reporters differ in what they leave out, so little is demanded; nothing is believed that could not
be: addresses are addresses, numbers are bounded, words are short and printable.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final, TypeVar

from mailstack.errors import ProtocolError
from mailstack.model.domains import parse_domain
from mailstack.model.reports import MAX_COUNT, Received, Sessions, Source
from mailstack.protocols.plain_xml import Element, read_xml

MAX_ROWS: Final = 20_000
MAX_POLICIES: Final = 100
"""Of one TLS report, which is about one domain as a rule."""
_MAX_WORDS: Final = 100
_LATEST: Final = 2 * 86_400
"""Seconds that a report may be ahead of our clock."""
_LONGEST: Final = 32 * 86_400
"""Seconds that one report may be about."""
_DISPOSITIONS: Final = ("none", "quarantine", "reject")
_POLICIES: Final = ("sts", "tlsa", "no-policy-found")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known of the message that brought a report."""

    at: int
    signed_by: tuple[str, ...]
    proven: bool


def read(document: bytes, envelope: Envelope) -> Iterator[Received]:
    """Each report in a document; one of TLS has one for each domain.

    Raises:
        ProtocolError: it is none.
    """
    if document.startswith(b"<"):
        yield _dmarc(read_xml(document), envelope)
    else:
        yield from _tls(document, envelope)


def _dmarc(root: Element, envelope: Envelope) -> Received:
    if root.name != "feedback":
        raise ProtocolError(f"its XML is no report but {_words(root.name)!r}")
    records = root.all("record")
    if len(records) > MAX_ROWS:
        raise ProtocolError(f"it has more than {MAX_ROWS} rows")
    domain = _read(_domain, root.text_of("policy_published", "domain"), "domain")
    begin = _read(int, root.text_of("report_metadata", "date_range", "begin"), "begin")
    end = _read(int, root.text_of("report_metadata", "date_range", "end"), "end")
    _check_dates(begin, end, envelope)
    return Received(
        kind="dmarc",
        domain=domain,
        reporter=_words(root.text_of("report_metadata", "org_name")),
        identity=_words(root.text_of("report_metadata", "report_id")),
        begin=begin,
        end=end,
        at=envelope.at,
        signed_by=envelope.signed_by,
        proven=envelope.proven,
        sources=tuple(_source(record, domain) for record in records),
    )


def _source(record: Element, domain: str) -> Source:
    evaluated = ("row", "policy_evaluated")
    disposition = record.text_of(*evaluated, "disposition", default="none").lower()
    author = record.text_of("identifiers", "header_from", default=domain)
    return Source(
        address=_read(_address, record.text_of("row", "source_ip"), "source_ip"),
        messages=_read(_number, record.text_of("row", "count"), "count"),
        dkim=record.text_of(*evaluated, "dkim", default="").lower() == "pass",
        spf=record.text_of(*evaluated, "spf", default="").lower() == "pass",
        disposition=disposition if disposition in _DISPOSITIONS else "none",
        author=_author(author, domain),
    )


def _author(text: str, domain: str) -> str:
    """Some reporters write what the From field had, which need not be a domain."""
    try:
        return _domain(text)
    except ValueError:
        return domain


def _tls(document: bytes, envelope: Envelope) -> Iterator[Received]:
    found = _json(document)
    dates = _part(found, "date-range")
    begin = _read(_time, dates.get("start-datetime"), "start-datetime")
    end = _read(_time, dates.get("end-datetime"), "end-datetime")
    _check_dates(begin, end, envelope)
    for domain, sessions in _tls_domains(found):
        yield Received(
            kind="tls",
            domain=domain,
            reporter=_words(found.get("organization-name")),
            identity=_words(found.get("report-id")),
            begin=begin,
            end=end,
            at=envelope.at,
            signed_by=envelope.signed_by,
            proven=envelope.proven,
            sessions=tuple(sessions),
        )


def _tls_domains(found: dict[str, Any]) -> Iterable[tuple[str, list[Sessions]]]:
    """What is told of each domain, which may have more than one policy."""
    domains: dict[str, list[Sessions]] = {}
    for one in _list(found, "policies", most=MAX_POLICIES):
        policy = _part(one, "policy")
        domain = _read(_domain, policy.get("policy-domain"), "policy-domain")
        domains.setdefault(domain, []).extend(_sessions(one, policy))
    return domains.items()


def _sessions(one: dict[str, Any], policy: dict[str, Any]) -> Iterator[Sessions]:
    kind = policy.get("policy-type")
    name = kind if kind in _POLICIES else "unknown"
    count = _part(one, "summary").get("total-successful-session-count", 0)
    yield Sessions("success", _read(_number, count, "count"), name, "")
    for failure in _list(one, "failure-details"):
        yield Sessions(
            _words(failure.get("result-type")),
            _read(_number, failure.get("failed-session-count"), "failed-session-count"),
            name,
            _words(failure.get("receiving-mx-hostname")),
        )


def _json(document: bytes) -> dict[str, Any]:
    try:
        found = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"it is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ProtocolError("its JSON is no report")
    return found


def _part(whole: dict[str, Any], name: str) -> dict[str, Any]:
    found = whole.get(name)
    if not isinstance(found, dict):
        raise ProtocolError(f"there is no {name}")
    return found


def _list(whole: dict[str, Any], name: str, *, most: int = MAX_ROWS) -> list[dict[str, Any]]:
    found = whole.get(name) or []
    if not isinstance(found, list) or len(found) > most:
        raise ProtocolError(f"{name} is no list, or too long")
    if not all(isinstance(one, dict) for one in found):
        raise ProtocolError(f"{name} has something else in it")
    return found


def _check_dates(begin: int, end: int, envelope: Envelope) -> None:
    if not 0 < begin <= end <= envelope.at + _LATEST or end - begin > _LONGEST:
        raise ProtocolError("its dates are impossible")


def _read(reader: Callable[[Any], T], value: object, name: str) -> T:
    try:
        return reader(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ProtocolError(f"{name} cannot be {_words(value)!r}") from error


def _domain(text: object) -> str:
    return str(parse_domain(str(text)))


def _address(text: object) -> str:
    return str(ip_address(str(text)))


def _number(value: object) -> int:
    number = int(str(value)[:20])
    if not 0 <= number <= MAX_COUNT:
        raise ValueError(number)
    return number


def _time(value: object) -> int:
    return int(datetime.fromisoformat(str(value)).timestamp())


def _words(value: object) -> str:
    """What a stranger wrote, fit to be shown."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else " " for c in text[:_MAX_WORDS]).strip()
