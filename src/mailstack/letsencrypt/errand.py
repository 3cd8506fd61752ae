"""What the resident process asks of the one that orders, and what it hears: two lines of JSON.

Light, because the process that lives for months imports it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, Self, TypeAlias

from mailstack.errors import ProtocolError

Done: TypeAlias = Literal["issued", "kept", "owners", "failed"]
"""issued: another certificate is in force. kept: none was due. owners: what is in force is the
owner's own. failed: it did not come about, and what is in force stays."""
MAX_LINE: Final = 64 * 1024
"""Octets of either line: a hundred names with a reason each."""
MAX_ERROR: Final = 500
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One errand: look at the certificate, order another one if that is due."""

    names: tuple[str, ...]
    """Those it is to hold, the server's own first. Empty: nobody can tell; those it was last asked
    for."""
    force: bool = False
    """Even if none is due."""
    complete: bool = False
    """Try the names again that were left out; order if that gains one."""

    def encode(self) -> bytes:
        return _line(self)

    @classmethod
    def decode(cls, line: bytes) -> Self:
        """Read what ``encode`` wrote.

        Raises:
            ProtocolError: it is something else.
        """
        raw = _object(line)
        try:
            return cls(tuple(map(str, raw["names"])), bool(raw["force"]), bool(raw["complete"]))
        except (KeyError, TypeError) as error:
            raise ProtocolError(f"not a wish: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an errand. Times are seconds of the epoch; 0: there is no certificate."""

    done: Done
    why: str = ""
    """One line, where it failed."""
    retry_after_s: float = 0.0
    """The authority's own wish; 0: it has none."""
    begins: float = 0.0
    expires: float = 0.0
    due: float = 0.0
    issuer: str = ""
    first: bool = False
    """Whether it is still the one that the first start has signed itself."""
    names: tuple[str, ...] = ()
    """In the certificate that is in force."""
    asked: tuple[str, ...] = ()
    """What that one was ordered for, where we did; among them are those left out."""
    dropped: Mapping[str, str] = field(default_factory=dict)
    """Name that was left out → why."""

    def encode(self) -> bytes:
        return _line(self)

    @classmethod
    def decode(cls, line: bytes) -> Self:
        """Read what ``encode`` wrote.

        Raises:
            ProtocolError: it is something else.
        """
        raw = _object(line)
        try:
            return cls(
                done=_done(raw["done"]),
                why=str(raw["why"]),
                retry_after_s=float(raw["retry_after_s"]),
                begins=float(raw["begins"]),
                expires=float(raw["expires"]),
                due=float(raw["due"]),
                issuer=str(raw["issuer"]),
                first=bool(raw["first"]),
                names=tuple(map(str, raw["names"])),
                asked=tuple(map(str, raw["asked"])),
                dropped={str(name): str(why) for name, why in raw["dropped"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProtocolError(f"not a result: {error!r}") from error


def _done(word: object) -> Done:
    match word:
        case "issued" | "kept" | "owners" | "failed":
            return word
    raise ValueError(f"{word!r} is no result")


def _line(value: Wish | Result) -> bytes:
    return json.dumps(asdict(value)).encode() + b"\n"


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise ProtocolError(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ProtocolError("not an object")
    return found
