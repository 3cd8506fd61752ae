"""What was found of mail, one line for each message, until somebody counts it.

The filter only appends: it keeps nothing in memory, and a crash loses nothing that was written.
``mailstack.reports`` takes the file away now and then, and adds its lines up (RFC 7489 7.2).

Only domains that ask for reports are written down. The file is bounded: what does not fit is not
reported, and the log says so once. A file that cannot be written keeps no mail from anybody.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mailstack.identity.dmarc import Policy
from mailstack.identity.record import Record

JOURNAL: Final = "rows"
"""Name of the file in the folder of reports."""
MAX_OCTETS: Final = 2 * 1024**2
"""Of the file: some 8,000 messages between two counts."""
MAX_SIGNATURES: Final = 4
"""Of one message that are reported; a message has one to four."""
_MAX_TEXT: Final = 255
_DAY_S: Final = 86_400

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """Messages that are counted together, as a report has them (RFC 7489, appendix C)."""

    address: str
    author: str
    envelope: str
    disposition: str
    override: str
    dkim_aligned: bool
    spf_aligned: bool
    spf: str
    spf_domain: str
    spf_scope: str
    dkim: tuple[tuple[str, str, str], ...]
    """Result, domain, selector of each signature."""


@dataclass(frozen=True, slots=True)
class Published:
    """The policy that was followed, and who wants to know."""

    domain: str
    p: str
    sp: str
    adkim: str
    aspf: str
    percent: int
    rua: str


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a day, which is counted from 1970 in UTC."""

    day: int
    published: Published
    row: Row


class Journal:
    """Appends to the file at ``path``. Call it with each record; it is a ``record.Tally``."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._complained = False

    def __call__(self, record: Record) -> None:
        if record.policy is None or not record.policy.rua or not record.author:
            return
        line = Line(int(self._clock()) // _DAY_S, _published(record.policy), _row(record))
        try:
            kept = self._append(_encode(line))
        except OSError as error:
            kept = False
            self._complain(str(error))
        if kept:
            self._complained = False

    def _append(self, text: str) -> bool:
        with self._path.open("a", encoding="utf-8") as file:
            fits = file.tell() + len(text) <= MAX_OCTETS
            if fits:
                file.write(text)
        if not fits:
            self._complain("nobody has counted for too long")
        return fits

    def _complain(self, why: str) -> None:
        if not self._complained:
            _log.error("messages are missing in DMARC reports: %s", why)
        self._complained = True


def read(path: Path) -> Iterator[Line]:
    """Each line of a file; damaged ones are passed over."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                day, published, row = json.loads(text)
                yield Line(int(day), Published(*published), row_of(row))
            except (ValueError, TypeError):
                continue


def row_of(fields: list[Any]) -> Row:
    """Make a row of what JSON made of it.

    Raises:
        TypeError, ValueError: it is none.
    """
    *plain, dkim = fields
    signatures: Any = tuple((str(r), str(d), str(s)) for r, d, s in dkim)
    return Row(*plain, signatures)  # type: ignore[call-arg]  # what JSON has may be anything


def row_fields(row: Row) -> list[object]:
    """A row as JSON takes it."""
    return [getattr(row, name) for name in Row.__slots__]


def published_fields(published: Published) -> list[object]:
    """A policy as JSON takes it."""
    return [getattr(published, name) for name in Published.__slots__]


def _encode(line: Line) -> str:
    whole = [line.day, published_fields(line.published), row_fields(line.row)]
    return json.dumps(whole, separators=(",", ":")) + "\n"


def _published(policy: Policy) -> Published:
    return Published(
        domain=_plain(policy.domain),
        p=policy.p,
        sp=policy.sp,
        adkim="s" if policy.strict_dkim else "r",
        aspf="s" if policy.strict_spf else "r",
        percent=policy.percent,
        rua=policy.rua,
    )


def _row(record: Record) -> Row:
    return Row(
        address=record.address,
        author=_plain(record.author),
        envelope=_plain(record.envelope),
        disposition=record.disposition.value,
        override=record.override.value,
        dkim_aligned=record.dkim_aligned,
        spf_aligned=record.spf_aligned,
        spf=record.spf,
        spf_domain=_plain(record.spf_domain),
        spf_scope=record.spf_scope,
        dkim=tuple(
            (one.result, _plain(one.domain), _plain(one.selector))
            for one in record.dkim[:MAX_SIGNATURES]
        ),
    )


def _plain(text: str) -> str:
    """What came from the network, without what no name has."""
    return "".join(c for c in text if c.isprintable() and c != " ")[:_MAX_TEXT]
