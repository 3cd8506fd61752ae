"""What an outside mail server writes down about each message it accepts. Pure."""

from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as policy

import dkim  # type: ignore[import-untyped] # dkimpy has no types
from pydantic import BaseModel

TxtLookup = Callable[[str], bytes | None]


class Signature(BaseModel):
    """One DKIM signature of a message, and whether it holds."""

    domain: str
    selector: str
    verified: bool


class Received(BaseModel):
    """One accepted message with its envelope."""

    server: str
    """Host name of the outside server that took it."""
    client: str
    """IP address it came from."""
    helo: str
    tls: str
    """Protocol version, empty without TLS."""
    sender: str
    recipients: list[str]
    text: str
    """Octets of the message, each as the character of its number (latin-1)."""
    signatures: list[Signature]

    @property
    def octets(self) -> bytes:
        return self.text.encode("latin-1")

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.octets, policy=policy)


def signatures_of(octets: bytes, lookup: TxtLookup) -> list[Signature]:
    """Verify every DKIM signature of a message, as its receiver does (RFC 6376 6.1)."""
    verifier = dkim.DKIM(octets)
    headers = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    return [_verify(verifier, number, value, lookup) for number, value in enumerate(headers)]


def _verify(verifier: dkim.DKIM, number: int, header: bytes, lookup: TxtLookup) -> Signature:
    tags = _tags(header)
    try:
        good = verifier.verify(number, dnsfunc=lambda name, timeout: _txt(lookup, name, timeout))
    except dkim.DKIMException:
        good = False
    return Signature(domain=tags.get("d", ""), selector=tags.get("s", ""), verified=bool(good))


def _txt(lookup: TxtLookup, name: bytes | str, _timeout: float) -> bytes | None:
    return lookup(name.decode("ascii") if isinstance(name, bytes) else name)


def _tags(header: bytes) -> dict[str, str]:
    """Read ``a=b; c=d`` (RFC 6376 3.2); folding white space within a value goes."""
    pairs = (part.partition("=") for part in header.decode("ascii", "replace").split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}
