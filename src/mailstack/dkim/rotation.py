"""When a key moves on, decided without asking anybody: documents and answers in, documents out.

    made ─ sent to the name server ─▶ published ─ every server has it ─▶ signing
                                                                            │ the next one signs
    (gone) ◀─ another retires ─ retired ◀─ keep_days, record withdrawn ─ retiring

A key that no server, or not every server, shows does not sign; neither does one that cannot be
asked about. Only a domain that never signed by an algorithm may begin at once (``first_at_once``):
nobody expects anything of it yet. An old key stays published for longer than mail waits in queues
(Postfix gives up after five days), so what it signed verifies on arrival.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mailstack.model.dkim import Algorithm, Dkim, DkimKey, State


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say."""

    algorithms: tuple[Algorithm, ...]
    rotate_days: int
    keep_days: int
    first_at_once: bool
    prefix: str


SKEW: Final = timedelta(minutes=5)
"""By which two clocks may differ; a time further in the future is no time."""


def in_time(document: Dkim, now: datetime) -> Dkim:
    """Let what began in the future begin now: the clock was wrong then, and is right again."""
    keys = [_to(key, key.state, now) if age(key, now) < -SKEW else key for key in document.keys]
    return _with(document, keys)


def without_lost(document: Dkim, lost: Collection[str]) -> Dkim:
    """Forget keys that never signed and cannot be opened; one that signs stays, to be followed."""
    keys = [k for k in document.keys if not (k.selector in lost and k in waiting(document))]
    return _with(document, keys)


def lacking(
    document: Dkim, rules: Rules, now: datetime, lost: Collection[str] = ()
) -> list[tuple[Algorithm, State]]:
    """Which keys to make, and the state each begins in. ``lost`` ones are to be followed."""
    wanted: list[tuple[Algorithm, State]] = []
    for algorithm in rules.algorithms:
        mine = [key for key in document.keys if key.algorithm == algorithm]
        if any(key.state in {"made", "published"} for key in mine):
            continue  # one is on its way already
        signing = document.signing(algorithm)
        if signing is None and not mine:
            wanted.append((algorithm, "signing" if rules.first_at_once else "made"))
        elif (
            signing is None
            or document.wanted
            or signing.selector in lost
            or is_due(signing, rules, now)
        ):
            wanted.append((algorithm, "made"))
    return wanted


def is_due(signing: DkimKey, rules: Rules, now: datetime) -> bool:
    """Whether a key has signed for so long that another is to follow."""
    return bool(rules.rotate_days) and age(signing, now) >= timedelta(days=rules.rotate_days)


def age(key: DkimKey, now: datetime) -> timedelta:
    """How long it has been in its state."""
    return now - datetime.fromisoformat(key.since)


def waiting(document: Dkim) -> tuple[DkimKey, ...]:
    """Keys that sign as soon as every server has them."""
    return tuple(key for key in document.keys if key.state in {"made", "published"})


def leaving(document: Dkim, rules: Rules, now: datetime) -> tuple[DkimKey, ...]:
    """Keys whose records may go now."""
    keep = timedelta(days=rules.keep_days)
    return tuple(k for k in document.keys if k.state == "retiring" and age(k, now) >= keep)


def is_busy(document: Dkim) -> bool:
    """Whether something is to happen soon."""
    return document.wanted or bool(waiting(document))


def published(document: Dkim, selectors: Iterable[str], now: datetime) -> Dkim:
    """Note that records were sent to the name server."""
    names = set(selectors)
    keys = [
        _to(k, "published", now) if k.selector in names and k.state == "made" else k
        for k in document.keys
    ]
    return _with(document, keys)


def switched(document: Dkim, seen: Iterable[str], now: datetime) -> Dkim:
    """Let keys that every server has sign; the ones that signed before begin to retire."""
    names = set(seen)
    new = {k.algorithm: k for k in waiting(document) if k.selector in names}
    keys = []
    for key in document.keys:
        successor = new.get(key.algorithm)
        if successor is key:
            keys.append(_to(key, "signing", now))
        elif successor is not None and key.state == "signing":
            keys.append(_to(key, "retiring", now))
        else:
            keys.append(key)
    return _with(document, keys)


def retired(document: Dkim, selectors: Iterable[str], now: datetime) -> Dkim:
    """Forget private halves that no message needs; of retired keys one for each algorithm stays."""
    names = set(selectors)
    going = {k.algorithm for k in document.keys if k.selector in names}
    keys = [
        _to(k, "retired", now).model_copy(update={"private": ""}) if k.selector in names else k
        for k in document.keys
        if not (k.state == "retired" and k.algorithm in going)
    ]
    return _with(document, keys)


def added(document: Dkim, keys: Iterable[DkimKey]) -> Dkim:
    """Take in new keys; nobody needs to want them any more."""
    return _with(document.model_copy(update={"wanted": False}), (*document.keys, *keys))


def _with(document: Dkim, keys: Iterable[DkimKey]) -> Dkim:
    fields = {**document.model_dump(exclude={"keys"}), "keys": tuple(keys)}
    return Dkim.model_validate(fields)


def _to(key: DkimKey, state: State, now: datetime) -> DkimKey:
    return key.model_copy(update={"state": state, "since": now.isoformat(timespec="seconds")})
