"""Replies of a mailbox server."""

from fuzz.pieces import pieces
from mailstack.errors import ProtocolError
from mailstack.protocols.lmtp_replies import MAX_REPLY_LINE, MAX_REPLY_LINES, Reply, ReplyReader

SEEDS = (
    b"220 ready\r\n250-a\r\n250-SIZE 1\r\n250 PIPELINING\r\n",
    b"552-5.2.2 full\r\n552 5.2.2 full\r\n354\n",
)
WORDS = (b"250-", b"250 ", b"451 ", b"x" * 5000, b"250-x\r\n" * 101)


def replies(parts: list[bytes]) -> list[Reply | str]:
    reader, found = ReplyReader(), []
    try:
        for part in parts:
            reader.feed(part)
            while (reply := reader.next_reply()) is not None:
                found.append(reply)
    except ProtocolError:
        found.append("fault")
    return found


def one(data: bytes) -> None:
    expected = replies([data])
    for parts in pieces(data):
        assert replies(parts) == expected, parts
    for reply in expected:
        if isinstance(reply, Reply):
            assert len(reply.lines) <= MAX_REPLY_LINES
            assert all(len(line) < MAX_REPLY_LINE and b"\n" not in line for line in reply.lines)
            assert replies([reply.encode()]) == [reply]
