"""What is kept of one message while a milter hears it: bounded, however large the message is."""

from typing import Final

from mailstack.contentfilter import reports
from mailstack.contentfilter.origin import MAX_CLAIMS
from mailstack.identity.body import BodyHashes
from mailstack.protocols import milter

HEADER_OCTETS: Final = 1024**2
"""Of a header whose signatures are verified; in a longer one they prove nothing."""
MAX_SIGNATURES: Final = 60
"""DKIM signatures and ARC's, of which there may be 50, that are looked for in a header."""
_SIGNATURES: Final = (b"dkim-signature", b"arc-message-signature")


class Message:
    """What has been heard of one message. Make one at each MAIL."""

    def __init__(self, sender: bytes, login: str, max_octets: int, max_recipients: int) -> None:
        self.sender = sender
        self.login = login
        self.recipients: list[bytes] = []
        self.from_fields: list[bytes] = []
        self.results: list[bytes] = []
        """Values of all Authentication-Results, in their order."""
        self.hashes: BodyHashes | None = None
        """Of the body, if something is to be verified over it."""
        self.may_be_report = False
        """The header has what reports about domains have."""
        self.size = 0
        """Octets so far, kept or not."""
        self.whole = True
        """Everything was kept; otherwise it is too large to be scanned here."""
        self._header = Kept(max(max_octets, HEADER_OCTETS))
        self._body = Kept(max_octets)
        self._signed: list[bytes] = []
        self._max_octets = max_octets
        self._max_recipients = max_recipients

    def add_recipient(self, recipient: bytes) -> None:
        if len(self.recipients) < self._max_recipients:
            self.recipients.append(recipient)
        else:
            self.whole = False

    def add_field(self, field: milter.HeaderField) -> None:
        name = field.name.lower()
        if name == b"from" and len(self.from_fields) < 2:  # noqa: PLR2004 - one too many
            self.from_fields.append(field.value)
        if name == b"authentication-results" and len(self.results) <= MAX_CLAIMS:
            self.results.append(field.value)
        if name in _SIGNATURES and len(self._signed) < MAX_SIGNATURES:
            self._signed.append(field.value)
        if reports.is_sign(name, field.value):
            self.may_be_report = True
        value = field.value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        self._add(self._header, b"%b:%b\r\n" % (field.name, value))

    def end_header(self) -> None:
        """The body follows."""
        self._add(self._header, b"\r\n")
        if self._signed and not self.login:
            self.hashes = BodyHashes(self._signed)

    def add_body(self, octets: bytes, *, keep: bool) -> None:
        if self.hashes is not None:
            self.hashes.feed(octets)
        if keep:
            self._add(self._body, octets)

    def _add(self, to: "Kept", octets: bytes) -> None:
        self.size += len(octets)
        to.add(octets)
        self.whole = self.whole and to.whole and self.size <= self._max_octets

    @property
    def header(self) -> bytes:
        """All of it, with the empty line; nothing of one that is too long."""
        return self._header.octets()

    def octets(self) -> bytes:
        return self.header + self._body.octets()


class Kept:
    """Octets, so many at most; of more, none."""

    def __init__(self, room: int) -> None:
        self.whole = True
        self._pieces: list[bytes] = []
        self._room = room

    def add(self, octets: bytes) -> None:
        self._room -= len(octets)
        self.whole = self._room >= 0
        if self.whole:
            self._pieces.append(octets)
        else:
            self._pieces.clear()

    def octets(self) -> bytes:
        return b"".join(self._pieces)
