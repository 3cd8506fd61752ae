"""Socketmap requests and replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.codec import read, read_every_way, refused_every_way

from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.protocols import netstring, socketmap
from mailstack.protocols.socketmap import MAX_REPLY, Request, RequestReader


def test_requests_are_read() -> None:
    """Name and key are split at the first space; a key may hold spaces or no UTF-8."""
    read_every_way(
        RequestReader,
        b"14:domains a.test,8:aliases ,18:mailboxes a b@\xff.x ,",
        [
            Request(b"domains", b"a.test"),
            Request(b"aliases", b""),
            Request(b"mailboxes", b"a b@\xff.x "),
        ],
    )


def test_a_request_without_space_is_refused() -> None:
    """Without a key there is no question to answer."""
    refused_every_way(
        RequestReader, b"3:m k,7:domains,", socketmap.BadRequest, [Request(b"m", b"k")]
    )


def test_an_endless_request_is_refused() -> None:
    """A request over the limit is refused before its octets arrive."""
    refused_every_way(RequestReader, b"4097:", netstring.TooLong)


@pytest.mark.parametrize(
    ("outcome", "reply"),
    [
        (Found("ünï@example.org"), b"20:OK \xc3\xbcn\xc3\xaf@example.org,"),
        (Found(""), b"3:OK ,"),
        (NotFound(), b"9:NOTFOUND ,"),
        (Unavailable("disk on fire"), b"20:TEMP try again later,"),
    ],
)
def test_three_answers(outcome: Outcome[str], reply: bytes) -> None:
    """An outage is a temporary answer, which says nothing of its reason."""
    assert socketmap.encode(outcome) == reply


def test_the_longest_answer() -> None:
    """100,000 octets are sent; one more becomes a temporary failure, never 'not found'."""
    fits = socketmap.encode(Found("x" * (MAX_REPLY - 3)))
    assert list(netstring.Reader(MAX_REPLY).feed(fits)) == [b"OK " + b"x" * (MAX_REPLY - 3)]
    assert socketmap.encode(Found("x" * (MAX_REPLY - 2))) == socketmap.TOO_LONG


@given(
    st.lists(
        st.builds(Request, st.binary(max_size=9).filter(lambda name: b" " not in name), st.binary())
    ),
    st.integers(1, 9),
)
def test_any_request_survives_the_wire(requests: list[Request], size: int) -> None:
    """What was asked is what is read, at any read size."""
    stream = b"".join(netstring.encode(b"%b %b" % request) for request in requests)
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    assert read(RequestReader(), pieces) == requests
