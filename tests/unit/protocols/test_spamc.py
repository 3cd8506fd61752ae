"""SPAMC requests and responses."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.codec import read, read_every_way, refused_every_way, ways

from mailstack.errors import ProtocolError
from mailstack.protocols.spamc import (
    MAX_HEAD,
    ResponseReader,
    Scored,
    Told,
    headers_request,
    tell_request,
)

HEADER = b"X-Spam-Status: No, score=0.1\r\nSubject: x\r\n\r\n"
ANSWER = Scored(is_spam=False, score=0.1, threshold=5.0, header=HEADER)
RESPONSE = (
    b"SPAMD/1.1 0 EX_OK\r\nContent-length: %d\r\nSpam: False ; 0.1 / 5.0\r\n\r\n" % len(HEADER)
    + HEADER
)


class Responses:
    """A reader of one response in the shape of the other readers."""

    def __init__(self, max_octets: int = 100_000) -> None:
        self.reader = ResponseReader(max_octets)
        self.done = False

    def feed(self, data: bytes) -> Iterator[Scored]:
        self.reader.feed(data)
        if not self.done and (answer := self.reader.scored()) is not None:
            self.done = True
            yield answer


class Answers(Responses):
    """The same for answers to TELL."""

    def feed(self, data: bytes) -> Iterator[Told]:  # type: ignore[override] # another answer
        self.reader.feed(data)
        if not self.done and (answer := self.reader.told()) is not None:
            self.done = True
            yield answer


def test_request() -> None:
    """The length counts the envelope, and the user is named."""
    request = headers_request(b"Subject: x\r\n\r\n", user=b"bob@x.test", envelope=b"A: b\r\n")
    assert request == (
        b"HEADERS SPAMC/1.5\r\nUser: bob@x.test\r\nContent-length: 20\r\n\r\n"
        b"A: b\r\nSubject: x\r\n\r\n"
    )


def test_a_user_cannot_inject() -> None:
    """A line end in a name would be another field of the request."""
    with pytest.raises(ValueError, match="control character"):
        headers_request(b"", user=b"bob\r\nUser: root")


def test_response() -> None:
    """Score, threshold and header come out however the stream is cut, and nothing after them."""
    read_every_way(Responses, RESPONSE, [ANSWER])
    assert read(Responses(), [RESPONSE + b"more"]) == [ANSWER]


@pytest.mark.parametrize(
    ("spam", "expected"),
    [
        (b"True ; 1005.2 / 5.0", (True, 1005.2)),
        (b"Yes ; -1 / 5", (True, -1.0)),
        (b"False;-3.25/5.0", (False, -3.25)),
    ],
)
def test_scores(spam: bytes, expected: tuple[bool, float]) -> None:
    """Both words for each verdict, negative and whole scores."""
    (answer,) = read(Responses(), [RESPONSE.replace(b"False ; 0.1 / 5.0", spam)])
    assert (answer.is_spam, answer.score) == expected


@pytest.mark.parametrize(
    "stream",
    [
        b"HTTP/1.1 404 Not found\r\n\r\n",
        b"SPAMD/1.0 76 Bad header line: (EOF during headers)\r\n",
        b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.1 / 5.0\r\n\r\n",
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: -1\r\nSpam: False ; 0.1 / 5.0\r\n\r\n",
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: 1e3\r\nSpam: False ; 0.1 / 5.0\r\n\r\n",
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: 1\r\nSpam: Perhaps ; 0.1 / 5.0\r\n\r\nx",
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: 1\r\nSpam: True ; nan / 5.0\r\n\r\nx",
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: 1\r\n\r\nx",
    ],
)
def test_garbage(stream: bytes) -> None:
    """A failure, another protocol or a missing score is no verdict."""
    refused_every_way(Responses, stream, ProtocolError)


def test_endless_responses() -> None:
    """Head and whole response are bounded."""
    with pytest.raises(ProtocolError):
        read(Responses(), [b"SPAMD/1.1 0 EX_OK\r\nA: " + b"x" * MAX_HEAD])
    with pytest.raises(ProtocolError):
        read(Responses(max_octets=50), [RESPONSE])


def test_pong() -> None:
    """PING is answered in one line; anything else is a fault."""
    reader = ResponseReader(1000)
    reader.feed(b"SPAMD/1.5 0 PO")
    assert not reader.pong()
    reader.feed(b"NG\r\n")
    assert reader.pong()
    other = ResponseReader(1000)
    other.feed(b"SPAMD/1.5 0 EX_OK\r\n")
    with pytest.raises(ProtocolError):
        other.pong()


def test_teaching() -> None:
    """A message is taught as spam or as ham, for one user and in his database only."""
    request = tell_request(b"Subject: x\r\n\r\n", user=b"u1", spam=True)
    assert request == (
        b"TELL SPAMC/1.5\r\nUser: u1\r\nMessage-class: spam\r\nSet: local\r\n"
        b"Content-length: 14\r\n\r\nSubject: x\r\n\r\n"
    )
    assert b"Message-class: ham\r\n" in tell_request(b"", user=b"u1", spam=False)
    with pytest.raises(ValueError, match="control character"):
        tell_request(b"", user=b"u1\nSet: remote", spam=True)


@pytest.mark.parametrize(
    ("fields", "learnt"),
    [
        (b"DidSet: local\r\n\r\n\r\n", True),
        (b"DidSet: remote,local\r\n\r\n", True),
        (b"\r\n", False),
        (b"DidRemove: local\r\n\r\n", False),
    ],
)
def test_what_was_taught(fields: bytes, *, learnt: bool) -> None:
    """Only ``DidSet: local`` says that the database changed."""
    read_every_way(Answers, b"SPAMD/1.1 0 EX_OK\r\n" + fields, [Told(learnt)])


def test_teaching_is_switched_off() -> None:
    """A spamd without ``--allow-tell`` says so, and that is no answer."""
    said = b"SPAMD/1.0 69 Service Unavailable: TELL commands are not enabled\r\n"
    refused_every_way(Answers, said, ProtocolError)


@given(st.binary())
def test_any_octets(stream: bytes) -> None:
    """Whatever comes is a verdict, a fault or not yet complete, however it is cut."""
    seen = {_outcome([b"SPAMD/1.1 0 EX_OK\r\n", *pieces]) for pieces in ways(stream)}
    assert len(seen) == 1


def _outcome(pieces: list[bytes]) -> str:
    try:
        return repr(read(Responses(), pieces))
    except ProtocolError:
        return "fault"
