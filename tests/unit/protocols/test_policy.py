"""Postfix's policy protocol."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.codec import read, read_every_way, read_until_fault, refused_every_way

from mailstack.protocols import policy
from mailstack.protocols.policy import MAX_REQUEST, RequestReader, encode


def test_requests_are_read() -> None:
    """An empty line ends a request; a value may hold anything but a newline, or nothing."""
    read_every_way(
        RequestReader,
        b"request=smtpd_access_policy\nsender=\nhelo_name=a=b c\n\n\nx=1\nx=2\n\nhalf=",
        [
            {"request": "smtpd_access_policy", "sender": "", "helo_name": "a=b c"},
            {},
            {"x": "2"},
        ],
    )


def test_what_is_no_utf8_is_read() -> None:
    """A client may say what it likes; that closes nobody's connection."""
    read_every_way(RequestReader, b"helo_name=\xff\xfe\n\n", [{"helo_name": "\\xff\\xfe"}])


@pytest.mark.parametrize("line", [b"no equals sign", b"=value", b"name"])
def test_faults_are_named(line: bytes) -> None:
    """A line that is no attribute is refused, after what came before it was read."""
    refused_every_way(
        RequestReader, b"a=b\n\nc=d\n" + line + b"\n\n", policy.BadAttribute, before=[{"a": "b"}]
    )


@pytest.mark.parametrize("unit", [b"x", b"a=b\n"])
def test_requests_are_bounded(unit: bytes) -> None:
    """A request of the limit is read; one octet more is refused, ended by a newline or not."""
    fill = b"n=" + b"v" * (MAX_REQUEST - 4) + b"\n\n"
    assert len(read(RequestReader(), [fill])) == 1
    for stream in (b"n=v" + fill, unit * (MAX_REQUEST // len(unit) + 1)):
        with pytest.raises(policy.RequestTooLong):
            read(RequestReader(), [stream])


@pytest.mark.parametrize(
    ("action", "reply"),
    [
        ("DUNNO", b"action=DUNNO\n\n"),
        ("450 4.7.1 später", b"action=450 4.7.1 sp?ter\n\n"),
        ("450 a\naction=OK\n\n", b"action=450 a?action=OK??\n\n"),
    ],
)
def test_replies(action: str, reply: bytes) -> None:
    """A reply is one line of ASCII, whatever is quoted in it."""
    assert encode(action) == reply


@given(st.binary(max_size=400), st.integers(1, 9))
def test_any_octets_at_any_read_size(data: bytes, size: int) -> None:
    """What is read, and whether it is a fault, does not depend on how the network cut it."""
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert read_until_fault(RequestReader(), [data]) == read_until_fault(RequestReader(), pieces)
