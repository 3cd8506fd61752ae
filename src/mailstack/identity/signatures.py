"""DKIM signatures of a message (RFC 6376), verified by dkimpy. Blocking: keys are asked of the DNS.

A key that nobody tells now is "temperror", which is no failure: the sender may come again. A key
whose owner says that it is for tests (``t=y``) proves what any other does, as with the peers: who
refuses all that is unproven, and left the flag there, wants its mail to arrive.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import dkim  # type: ignore[import-untyped] # dkimpy has no types
import dns.exception
import idna.uts46data  # its table, which it imports by itself when there is no root
from dkim.util import parse_tag_value  # type: ignore[import-untyped]

from mailstack.identity.body import Digests, fits
from mailstack.identity.dmarc import Signature

MAX_SIGNATURES: Final = 10
"""That are looked at; a message has one to four."""

Txt = Callable[[str], bytes | None]
"""The TXT record of a name. Raises what its library raises when nobody answers."""


class Hashed:
    """A message whose body is known by its hashes alone; goes before a class of dkimpy."""

    digests: Digests

    def verify_sig(self, sig: dict[bytes, bytes], *others: Any) -> bool:  # noqa: ANN401 - dkimpy's
        """Compare the body's hash here; what remains is the header's."""
        if b"bh" in sig and not fits(sig, self.digests):
            raise dkim.ValidationError("body hash mismatch")
        header_alone = {name: value for name, value in sig.items() if name != b"bh"}
        return bool(super().verify_sig(header_alone, *others))  # type: ignore[misc]


class _Verifier(Hashed, dkim.DKIM):  # type: ignore[misc] # dkimpy has no types
    pass


def verify(header: bytes, digests: Digests, txt: Txt) -> Sequence[Signature]:
    """What becomes of each signature, the topmost first."""
    try:
        verifier = _Verifier(header)
    except dkim.DKIMException:
        return []
    verifier.digests = digests
    fields = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    return [_verify(verifier, n, value, txt) for n, value in enumerate(fields[:MAX_SIGNATURES])]


def _verify(verifier: _Verifier, number: int, field: bytes, txt: Txt) -> Signature:
    try:
        tags = parse_tag_value(field)
        domain = a_labels(tags[b"d"].decode()).lower()
        selector = a_labels(tags[b"s"].decode())
        signed = [name.strip().lower() for name in tags[b"h"].split(b":")]
    except (dkim.DKIMException, KeyError, ValueError):
        return Signature("permerror", "")
    # without the From field it says nothing about the author (RFC 6376 5.4)
    result = _result(verifier, number, txt) if b"from" in signed else "permerror"
    return Signature(result, domain, selector)


def _result(verifier: _Verifier, number: int, txt: Txt) -> str:
    try:
        good = verifier.verify(number, dnsfunc=partial(ask, txt))
    except (dns.exception.DNSException, OSError):
        return "temperror"
    except (dkim.KeyFormatError, UnicodeError):
        return "permerror"
    except dkim.DKIMException:
        return "fail"
    except Exception:  # noqa: BLE001 - the library's parser, over what anybody may write
        return "permerror"
    return "pass" if good else "fail"


def ask(txt: Txt, name: bytes | str, timeout: float = 0) -> bytes | None:
    """Answer in the form that dkimpy asks; the resolver has a time limit of its own."""
    del timeout
    return txt(a_labels(name.decode("utf-8", "replace") if isinstance(name, bytes) else name))


def a_labels(name: str) -> str:
    """A name as DNS has it, whatever script it is written in (RFC 8616 5).

    Raises:
        UnicodeError: it is written in no script that names may have.
    """
    labels = name.split(".")
    return ".".join(
        one if one.isascii() else idna.encode(one, uts46=True).decode() for one in labels
    )
