"""tcp_table requests and replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.codec import read, read_every_way, refused_every_way

from mailstack.errors import ProtocolError
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.protocols import tcp_table
from mailstack.protocols.tcp_table import MAX_LINE, RequestReader


def test_requests_are_read() -> None:
    """Keys are percent-decoded, in either case; telnet's carriage return is no part of them."""
    read_every_way(
        RequestReader,
        b"get a@x.test\nget \nget a%20b%2bc%2B%25\r\nget p",
        [b"a@x.test", b"", b"a b+c+%"],
    )


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"get a\nput a b\n", tcp_table.BadRequest),
        (b"get a\nget\n", tcp_table.BadRequest),
        (b"get a\nGET a\n", tcp_table.BadRequest),
        (b"get a\n\n", tcp_table.BadRequest),
        (b"get a\nget %zz\n", tcp_table.BadRequest),
        (b"get a\nget %2\n", tcp_table.BadRequest),
        (b"get a\nget " + b"x" * (MAX_LINE - 4), tcp_table.LineTooLong),
    ],
)
def test_faults_are_named(stream: bytes, error: type[ProtocolError]) -> None:
    """Anything but a get request is refused, after what came before it was read."""
    if len(stream) > MAX_LINE:
        with pytest.raises(error):
            read(RequestReader(), [stream])
    else:
        refused_every_way(RequestReader, stream, error, before=[b"a"])


def test_the_longest_line_is_read() -> None:
    """A line of exactly the limit, newline included, is accepted."""
    key = b"x" * (MAX_LINE - 5)
    assert read(RequestReader(), [b"get " + key, b"\n"]) == [key]


@pytest.mark.parametrize(
    ("outcome", "reply"),
    [
        (Found("a@x.test, b@x.test"), b"200 a@x.test,%20b@x.test\n"),
        (Found("100%\n"), b"200 100%25%0A\n"),
        (Found("ü"), b"200 %C3%BC\n"),
        (NotFound(), b"500 not%20found\n"),
        (Unavailable("disk on fire"), b"400 try%20again%20later\n"),
    ],
)
def test_three_answers(outcome: Outcome[str], reply: bytes) -> None:
    """An outage is a temporary answer, which says nothing of its reason."""
    assert tcp_table.encode(outcome) == reply


def test_the_longest_answer() -> None:
    """4,096 octets are sent; one more becomes a temporary failure, never 'not found'."""
    assert len(tcp_table.encode(Found("x" * (MAX_LINE - 5)))) == MAX_LINE
    assert tcp_table.encode(Found("x" * (MAX_LINE - 4))) == tcp_table.TOO_LONG


@given(st.lists(st.binary(max_size=50)), st.integers(1, 9))
def test_any_key_survives_the_wire(keys: list[bytes], size: int) -> None:
    """What was asked is what is read, at any read size."""
    stream = b"".join(b"get " + tcp_table.escape(key) + b"\n" for key in keys)
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    assert read(RequestReader(), pieces) == keys
