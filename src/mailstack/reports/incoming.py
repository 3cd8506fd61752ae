"""Reads what the filter has copied: who signed it, what is in it, is it about a domain of ours?"""

from collections import Counter
from collections.abc import Iterator
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Final, Protocol

from mailstack.errors import DocumentMissing, InvalidDocument, MailstackError, ProtocolError
from mailstack.identity import signatures
from mailstack.identity.body import BodyHashes
from mailstack.identity.judge import author_domains
from mailstack.identity.lookups import Lookups
from mailstack.model.reports import Received, Reports
from mailstack.reports import numbers, reading, received, unpack
from mailstack.reports.config import COPY
from mailstack.reports.names import Names

_TRYING: Final = ".trying"
"""Ends the name of what is being read: what killed a pass is not read by the next one."""


class Shelf(Protocol):
    """Keeps reports; see ``shelf.Shelf``."""

    def read(self, domain: str) -> Reports: ...
    def add(self, report: Received) -> None: ...


class Incoming:
    """Of one folder."""

    def __init__(self, folder: Path, lookups: Lookups, shelf: Shelf) -> None:
        self._folder = folder
        self._lookups = lookups
        self._shelf = shelf
        self._names = Names(lookups.resolver)
        self.counts: Counter[str] = Counter()
        """Of what was read, by ``numbers.RECEIVED``."""

    def read(self) -> Iterator[str]:
        """Put on the shelf what has come in; yield a line about each message.

        Raises:
            MailstackError: the shelf cannot be asked; nothing is lost.
        """
        for left in sorted(self._folder.glob(f"*{_TRYING}")):
            left.unlink()
            self.counts[numbers.REFUSED] += 1
            yield "a message that looked like a report could not be read at all; it is passed over"
        for copied in sorted(self._folder.glob(f"*{COPY}"), key=lambda path: path.stat().st_mtime):
            trying = copied.with_suffix(_TRYING)
            copied.rename(trying)
            try:
                yield from self._message(trying)
            except (ProtocolError, InvalidDocument) as error:
                self.counts[numbers.REFUSED] += 1
                yield f"a message that looked like a report is none: {error}"
            except MailstackError:
                trying.rename(copied)
                raise
            except Exception as error:  # noqa: BLE001 - parsers, over what anybody may write
                self.counts[numbers.REFUSED] += 1
                yield f"a message that looked like a report cannot be read: {error!r}"
            trying.unlink()

    def _message(self, file: Path) -> Iterator[str]:
        octets = file.read_bytes()
        envelope, found = self._envelope(octets, int(file.stat().st_mtime)), 0
        for document in unpack.documents(octets):
            for report in reading.read(document, envelope):
                found += 1
                yield self._add(received.shortened(report))
        if not found:
            raise ProtocolError("it has no report attached")

    def _add(self, report: Received) -> str:
        what = f"a report of {report.reporter or 'nobody'} about {report.domain}"
        try:
            kept = self._shelf.read(report.domain)
        except DocumentMissing:
            self.counts[numbers.FOREIGN] += 1
            return f"{what}, which is no domain of ours; it is passed over"
        if not received.is_news(report, kept):
            self.counts[numbers.AGAIN] += 1
            return f"{what} came again"
        self._shelf.add(self._names.named(report))
        self.counts[numbers.TAKEN] += 1
        return what if report.proven else f"{what}, which nobody signed"

    def _envelope(self, octets: bytes, at: int) -> reading.Envelope:
        """Verify who signed the message: the file is as it came."""
        header, separator, body = octets.partition(b"\r\n\r\n")
        fields = BytesHeaderParser().parsebytes(header + separator)
        hashes = BodyHashes(str(one).encode() for one in fields.get_all("DKIM-Signature", []))
        hashes.feed(body)
        proven = signatures.verify(header + separator, hashes.finish(), self._lookups.txt)
        signers = tuple(dict.fromkeys(one.domain for one in proven if one.result == "pass"))
        authors = author_domains(str(fields.get("From", "")))
        same = {self._lookups.organizational(one) for one in authors[:1]}
        return reading.Envelope(
            at, signers, any(self._lookups.organizational(one) in same for one in signers)
        )
