"""Body hashes made piece by piece are those of the whole body."""

import base64
import hashlib
from itertools import pairwise

import pytest
from dkim.canonicalization import (  # type: ignore[import-untyped] # dkimpy has no types
    CanonicalizationPolicy,
)
from hypothesis import given
from hypothesis import strategies as st

from mailstack.identity.body import MAX_KINDS, BodyHashes, Kind, fits

BODIES = st.text("a b\t\r\n.", max_size=60).map(str.encode)


def field(form: str, *, octets: int | None = None, algorithm: str = "rsa-sha256") -> bytes:
    limit = "" if octets is None else f" l={octets};"
    return f" v=1; a={algorithm}; c=relaxed/{form};{limit} d=x.example; s=s; bh=; b=".encode()


def canonical(body: bytes, form: str) -> bytes:
    """By the library: all of it at once, its lines ended as mail has them."""
    lines = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    policy = CanonicalizationPolicy.from_c_value(f"simple/{form}".encode())
    return bytes(policy.canonicalize_body(lines))


@given(BODIES, st.lists(st.integers(0, 60), max_size=4), st.sampled_from(["simple", "relaxed"]))
def test_pieces_make_no_difference(body: bytes, cuts: list[int], form: str) -> None:
    """However a body is cut, its hash is that of the library."""
    body += b"\r\n"
    hashes = BodyHashes([field(form)])
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for start, end in pairwise(places):
        hashes.feed(body[start:end])
    wanted = hashlib.sha256(canonical(body, form)).digest()
    assert hashes.finish() == {Kind(form.encode(), None): wanted}


@pytest.mark.parametrize(("form", "text"), [("simple", b"\r\n"), ("relaxed", b"")])
def test_an_empty_body(form: str, text: bytes) -> None:
    """RFC 6376 3.4.3, 3.4.4: an empty line, or nothing."""
    (digest,) = BodyHashes([field(form)]).finish().values()
    assert digest == hashlib.sha256(text).digest()


def test_a_beginning() -> None:
    """``l=`` hashes so much; more than there is fits nothing."""
    hashes = BodyHashes([field("simple", octets=3), field("simple", octets=8)])
    hashes.feed(b"hello\r\n")
    assert hashes.finish() == {Kind(b"simple", 3): hashlib.sha256(b"hel").digest()}


def test_millions_of_empty_lines_take_no_memory() -> None:
    """They are counted until something follows."""
    hashes = BodyHashes([field("relaxed"), field("simple")])
    for _ in range(40):
        hashes.feed(b"\r\n" * 30_000)
    hashes.feed(b"end")
    wanted = hashlib.sha256(b"\r\n" * 1_200_000 + b"end\r\n").digest()
    assert set(hashes.finish().values()) == {wanted}


@pytest.mark.parametrize(
    "bad",
    [
        field("simple", algorithm="rsa-sha1"),
        field("strange"),
        field("simple; l=x"),
        b" no tags",
        b"",
        b" \xff=\xff",
    ],
)
def test_what_can_never_fit(bad: bytes) -> None:
    """Algorithms that are not believed, forms and lengths that are none."""
    assert BodyHashes([bad]).finish() == {}


def test_many_kinds() -> None:
    """Somebody who asks for hundreds of hashes gets a few."""
    hashes = BodyHashes(field("simple", octets=n) for n in range(200))
    hashes.feed(b"x" * 300)
    assert len(hashes.finish()) == MAX_KINDS


@pytest.mark.parametrize(
    ("tags", "fitting"),
    [
        ({}, True),
        ({b"bh": b"AAAA"}, False),
        ({b"bh": b"A"}, False),
        ({b"c": b"simple"}, True),
        ({b"c": b"relaxed/relaxed"}, False),
        ({b"a": b"rsa-sha1"}, False),
        ({b"l": b"5"}, False),
    ],
)
def test_fits(tags: dict[bytes, bytes], *, fitting: bool) -> None:
    """A signature's own hash against those that were made."""
    digest = hashlib.sha256(b"hello\r\n").digest()
    encoded = base64.b64encode(digest)
    good = {b"a": b"rsa-sha256", b"bh": encoded[:9] + b"\r\n\t" + encoded[9:]}
    assert fits({**good, **tags}, {Kind(b"simple", None): digest}) is fitting
