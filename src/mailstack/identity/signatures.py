"""DKIM signatures of a message (RFC 6376), verified by dkimpy. Blocking: keys are asked of the DNS.

A key that nobody tells now is "temperror", which is no failure: the sender may come again.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import dkim  # type: ignore[import-untyped] # dkimpy has no types
import dns.exception
from dkim.util import parse_tag_value  # type: ignore[import-untyped]

from mailstack.identity.dmarc import Signature

MAX_SIGNATURES: Final = 10
"""That are looked at; a message has one to four."""

Txt = Callable[[str], bytes | None]
"""The TXT record of a name. Raises what its library raises when nobody answers."""


def verify(message: bytes, txt: Txt) -> Sequence[Signature]:
    """What becomes of each signature, the topmost first."""
    try:
        verifier = dkim.DKIM(message)
    except dkim.DKIMException:
        return []
    fields = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    return [_verify(verifier, n, value, txt) for n, value in enumerate(fields[:MAX_SIGNATURES])]


def _verify(verifier: dkim.DKIM, number: int, field: bytes, txt: Txt) -> Signature:
    try:
        tags = parse_tag_value(field)
        domain = tags[b"d"].decode("ascii").lower()
        selector = tags[b"s"].decode("ascii")
        signed = [name.strip().lower() for name in tags[b"h"].split(b":")]
    except (dkim.DKIMException, KeyError, ValueError):
        return Signature("permerror", "")
    # without the From field it says nothing about the author (RFC 6376 5.4)
    result = _result(verifier, number, txt) if b"from" in signed else "permerror"
    return Signature(result, domain, selector)


def _result(verifier: dkim.DKIM, number: int, txt: Txt) -> str:
    try:
        good = verifier.verify(number, dnsfunc=partial(ask, txt))
    except (dns.exception.DNSException, OSError):
        return "temperror"
    except dkim.KeyFormatError:
        return "permerror"
    except dkim.DKIMException:
        return "fail"
    except Exception:  # noqa: BLE001 - the library's parser, over what anybody may write
        return "permerror"
    return "pass" if good else "fail"


def ask(txt: Txt, name: bytes | str, timeout: float = 0) -> bytes | None:
    """Answer in the form that dkimpy asks; the resolver has a time limit of its own."""
    del timeout
    return txt(name.decode("ascii", "replace") if isinstance(name, bytes) else name)
