"""Netstrings, read strictly and however the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.codec import read, read_every_way, refused_every_way

from mailstack.errors import ProtocolError
from mailstack.protocols import netstring


def reader() -> netstring.Reader:
    return netstring.Reader(20)


def test_several_in_one_stream() -> None:
    """Pipelined netstrings are all read, empty and binary ones too."""
    read_every_way(reader, b"5:hello,0:,3:\x00,:,", [b"hello", b"", b"\x00,:"])


def test_the_rest_waits() -> None:
    """An unfinished netstring yields nothing and is no error."""
    read_every_way(reader, b"1:a,12:unfin", [b"a"])


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"1:a,x", netstring.BadLength),
        (b"1:a,:a,", netstring.BadLength),
        (b"1:a,05:hello,", netstring.BadLength),
        (b"1:a,-1:a,", netstring.BadLength),
        (b"1:a,+1:a,", netstring.BadLength),
        (b"1:a,1 :a,", netstring.BadLength),
        (b"1:a,0000000000", netstring.BadLength),
        (b"1:a,2:bc;", netstring.BadTerminator),
        (b"1:a,21:", netstring.TooLong),
        (b"1:a,99999999999", netstring.TooLong),
    ],
)
def test_faults_are_named(stream: bytes, error: type[ProtocolError]) -> None:
    """What is not a netstring is refused at once, after what came before it was read."""
    refused_every_way(reader, stream, error, before=[b"a"])


def test_the_limit_itself_is_accepted() -> None:
    """A payload of exactly the limit is read."""
    read_every_way(reader, b"20:" + b"x" * 20 + b",", [b"x" * 20])


@given(st.lists(st.binary(max_size=20)), st.integers(1, 7))
def test_what_is_encoded_is_read(payloads: list[bytes], size: int) -> None:
    """Encoding and reading are inverse, at any read size."""
    stream = b"".join(map(netstring.encode, payloads))
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    assert read(reader(), pieces) == payloads


@given(st.binary(max_size=60), st.integers(1, 9))
def test_noise_never_does_anything_else(noise: bytes, size: int) -> None:
    """Any octets are read or refused; nothing else happens, and whole and cut reads agree."""

    def outcome(step: int) -> tuple[list[bytes], bool]:
        seen: list[bytes] = []
        splitter = reader()
        try:
            for start in range(0, len(noise), step):
                for payload in splitter.feed(noise[start : start + step]):
                    seen.append(payload)  # noqa: PERF402 - kept if the next step raises
        except ProtocolError:
            return seen, True
        return seen, False

    assert outcome(size) == outcome(len(noise) or 1)


@given(
    st.one_of(
        st.binary(max_size=30),
        st.builds(
            lambda payload, tail: netstring.encode(payload) + tail,
            st.binary(max_size=25),
            st.sampled_from([b"", b"1", b"1:a,"]),
        ),
    )
)
def test_the_short_way_agrees_with_the_long_one(data: bytes) -> None:
    """Whatever is taken as exactly one netstring is what feeding it yields, and nothing waits."""
    only = reader().only(data)
    if only is not None:
        splitter = reader()
        assert read(splitter, [data]) == [only]
        assert read(splitter, [b"1:x,"]) == [b"x"]


def test_the_short_way_is_closed_while_a_part_waits() -> None:
    """What looks like a whole netstring may be the inside of one that has begun."""
    splitter = reader()
    assert read(splitter, [b"10:ab"]) == []
    assert splitter.only(b"3:abc,") is None
    assert read(splitter, [b"3:abc,xx,"]) == [b"ab3:abc,xx"]
    assert splitter.only(b"3:abc,") == b"abc"
