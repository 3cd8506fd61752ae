"""What a message may look like, and what becomes of one that is odd."""

from tests.e2e.stack import SENDER, SETTINGS, Stack
from tests.e2e.wire import in_data, wire

from mailstack.demo import letter
from mailstack.demo.client import hand_over
from mailstack.demo.records import FRIEND
from mailstack.demo.throwaway import DOMAIN

_MIB = 1024**2


def test_null_sender(stack: Stack) -> None:
    """A bounce has no sender, and is for everybody (RFC 5321 4.5.5)."""
    user = stack.user()
    octets = letter.write(SENDER, user.address, "a bounce")
    signed = letter.sign(octets, stack.internet.key, FRIEND)  # all that DMARC can go by
    assert stack.send(user.address, sender="", octets=signed).code == 250
    assert stack.delivered(user, "a bounce")["Return-Path"] == "<>"


def test_too_big_announced(stack: Stack) -> None:
    """A size beyond the limit is refused before it is sent (RFC 1870 6)."""
    user = stack.user()
    assert SETTINGS["smtp.max_message_octets"] == "1MiB"
    with stack.session() as session:
        session.ehlo()
        assert session.esmtp_features["size"] == str(_MIB)
        code, _ = session.mail(SENDER, [f"size={_MIB + 1}"])
    assert code == 552
    assert stack.send(user.address, "still fine").code == 250


def test_too_big_sent(stack: Stack) -> None:
    """A message that turns out too big is refused at its end, and not delivered in part."""
    user = stack.user()
    with wire(stack) as opened:
        in_data(opened, SENDER, user.address)
        opened.send(b"Subject: huge\r\n\r\n" + b"x" * 70 + b"\r\n")
        opened.send((b"y" * 70 + b"\r\n") * (_MIB // 72 + 100) + b".\r\n")
        assert opened.reply().startswith("552 5.3.4")
    assert stack.send(user.address, "sentinel").code == 250
    stack.delivered(user, "sentinel")
    with stack.mailbox(user) as mailbox:
        assert len(mailbox.messages()) == 1


def test_line_too_long(stack: Stack) -> None:
    """A line beyond 998 octets breaks the rules (RFC 5322 2.1.1); not an octet of it is lost."""
    user = stack.user()
    line = "".join(f"{number:08}" for number in range(1000))
    octets = f"From: {SENDER}\r\nSubject: long\r\n\r\n{line}\r\nend\r\n".encode()
    assert stack.send(user.address, octets=octets).code == 250
    body = stack.delivered(user, "long").get_content()
    assert "".join(body.split()) == f"{line}end"


def test_data_dot_stuffing(stack: Stack) -> None:
    """A line of dots comes through as it was written (RFC 5321 4.5.2)."""
    user = stack.user()
    with wire(stack) as opened:
        in_data(opened, SENDER, user.address)
        opened.send(b"From: bob@friend.example\r\nSubject: dots\r\n\r\n..\r\n...x\r\n. y\r\n.\r\n")
        assert opened.reply().startswith("250")
    lines = stack.delivered(user, "dots").get_content().splitlines()
    assert lines == [".", "..x", " y"]


def test_mailing_list(stack: Stack) -> None:
    """A list's message keeps its headers, and its sender with the recipient inside (VERP)."""
    user = stack.user()
    sender = f"dev-bounces+{user.name}={DOMAIN}@{FRIEND}"
    octets = letter.write(
        f"dev@{FRIEND}",
        f"dev@{FRIEND}",
        "[dev] release",
        headers={"List-Id": "<dev.friend.example>", "Precedence": "list"},
    )
    assert stack.send(user.address, octets=octets, sender=sender).code == 250
    found = stack.delivered(user, "[dev] release")
    assert found["Return-Path"] == f"<{sender}>"
    assert found["List-Id"] == "<dev.friend.example>"


def test_message_loop(stack: Stack) -> None:
    """A message that has passed very many servers goes in circles, and is refused."""
    user = stack.user()
    hop = b"Received: from a.example by b.example; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    octets = hop * 60 + letter.write(SENDER, user.address, "round and round")
    reply = stack.send(user.address, octets=octets)
    assert (reply.code, reply.text[:5]) == (554, "5.4.0")


def test_binary_and_eight_bit(stack: Stack) -> None:
    """Octets beyond ASCII in a body arrive as they were sent (8BITMIME)."""
    user = stack.user()
    text = "Grüße, ευχαριστώ, 谢谢"
    headers = (
        f"From: {SENDER}\r\nSubject: eight\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    octets = f"{headers}{text}\r\n".encode()
    with stack.session() as session:
        session.ehlo()
        assert session.has_extn("8bitmime")
        assert session.mail(SENDER, ["body=8bitmime"])[0] == 250
        assert session.rcpt(user.address)[0] == 250
        assert session.data(octets)[0] == 250
    assert stack.delivered(user, "eight").get_content().strip() == text


def test_many_recipients_in_one_transaction(stack: Stack) -> None:
    """Each recipient of one message gets one copy."""
    users = [stack.user() for _ in range(4)]
    octets = letter.write(SENDER, users[0].address, "to four")
    with stack.session() as session:
        assert hand_over(session, SENDER, [u.address for u in users], octets).code == 250
    for user in users:
        stack.delivered(user, "to four")
        with stack.mailbox(user) as mailbox:
            assert len(mailbox.messages()) == 1
