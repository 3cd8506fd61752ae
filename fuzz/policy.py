"""Policy requests, as anybody may send them to a policy port; and any action as a reply."""

from tests.contracts.codec import read_until_fault

from fuzz.pieces import pieces
from mailstack.protocols.policy import RequestReader, encode

SEEDS = (
    b"request=smtpd_access_policy\nsasl_username=a@example.org\nrecipient_count=3\n\n",
    b"\n\n",
    b"a=\n=b\n\n",
    b"no equals\n\n",
)
WORDS = (b"=", b"\n\n", b"recipient_count=", b"sasl_username=", b"x" * 40_000)


def one(data: bytes) -> None:
    expected = read_until_fault(RequestReader(), [data])
    for parts in pieces(data):
        assert read_until_fault(RequestReader(), parts) == expected, parts
    reply = encode(data.decode("utf-8", "replace"))
    assert reply.count(b"\n") == 2
    assert reply.endswith(b"\n\n")
