"""Dict commands, as Dovecot or anybody else may send them; with and without a hello before."""

from tests.contracts.codec import read_until_fault

from fuzz.pieces import pieces
from mailstack.protocols.dovecot_dict import CommandReader, escape, unescape

HELLO = b"H3\t2\t0\t\tauth\n"
SEEDS = (
    b"Lshared/passdb/a@example.org\ta@example.org\n",
    b"I0\t0\tshared/userdb/\t\n",
    b"B1\tu\t0\nS1\tk\tv\x01t\nC1\nR1\n",
    b"H4\t0\t0\t\tsieve\nV1\tyes\n",
)
WORDS = (HELLO, b"\t", b"\n", b"\x01", b"\x01t", b"L", b"I0\t0\t", b"18446744073709551616")


def one(data: bytes) -> None:
    for stream in (data, HELLO + data):
        expected = read_until_fault(CommandReader(), [stream])
        for parts in pieces(stream):
            assert read_until_fault(CommandReader(), parts) == expected, parts
    assert unescape(escape(data)) == data
