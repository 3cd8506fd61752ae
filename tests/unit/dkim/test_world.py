"""Whether the world sees a key."""

import pytest
from tests.unit.store.samples import dkim

from mailstack.dkim.world import judged, shows
from mailstack.dns.ask import Answer, Server
from mailstack.dns.records import quoted
from mailstack.outcome import Found, NotFound, Outcome, Unavailable

(KEY,) = dkim("example.org", "made").keys
RECORD = KEY.record
ONE, TWO = Server("ns1.example.org.", "192.0.2.1"), Server("ns2.example.org.", "192.0.2.2")
HAS: Outcome[Answer] = Found(Answer((RECORD,), 300))
OTHER: Outcome[Answer] = Found(Answer(("v=DKIM1; k=rsa; p=BBBB",), 300))


@pytest.mark.parametrize(
    "text",
    [
        RECORD,
        RECORD.replace("; ", ";"),
        f"p={KEY.public}",
        RECORD.replace("AAAA", "AA AA", 1),
        f"{RECORD}; t=y; h=sha256:sha512; s=email; n=a note",
    ],
)
def test_a_record_of_the_key(text: str) -> None:
    """However its owner spelled it."""
    assert shows(KEY, (text,))


@pytest.mark.parametrize(
    "texts",
    [
        (),
        ("v=DKIM1; k=rsa; p=",),
        (f"v=DKIM1; k=ed25519; p={KEY.public}",),
        (f"v=DKIM1; k=rsa; p={KEY.public}A",),
        (f"v=DKIM1; k=rsa; h=sha1; p={KEY.public}",),
        (f"v=DKIM2; k=rsa; p={KEY.public}",),
        (RECORD, "v=DKIM1; k=rsa; p=BBBB"),
        ("something else",),
    ],
)
def test_no_record_of_the_key(texts: tuple[str, ...]) -> None:
    """Revoked, another key, another kind, a hash we do not use, or two of them."""
    assert not shows(KEY, texts)


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (HAS, HAS, Found),
        (HAS, NotFound(), NotFound),
        (HAS, OTHER, NotFound),
        (HAS, Unavailable("no answer in time"), Unavailable),
        (NotFound(), Unavailable("SERVFAIL"), Unavailable),
    ],
)
def test_every_server_must_have_it(
    first: Outcome[Answer], second: Outcome[Answer], outcome: type
) -> None:
    """One that lags behind, or cannot be asked, is enough to wait."""
    assert isinstance(judged(KEY, {ONE: first, TWO: second}), outcome)


def test_nobody_asked_is_nobody_who_has_it() -> None:
    """A zone without servers shows nothing."""
    assert isinstance(judged(KEY, {}), NotFound)


def test_long_records_are_cut_into_strings() -> None:
    """Of at most 255 octets each, as DNS has them."""
    assert quoted("a" * 300) == f'"{"a" * 255}" "{"a" * 45}"'
