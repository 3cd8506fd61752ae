"""Who may talk to port 25, and how."""

from tests.e2e.stack import SENDER, SETTINGS, Stack
from tests.e2e.wire import in_data, wire

from mailstack.demo import letter
from mailstack.demo.client import Attempt, deliver, hand_over
from mailstack.demo.records import listed


def test_greylisted_then_accepted(stack: Stack) -> None:
    """A stranger is asked to come again, and accepted when it does."""
    user = stack.user()
    source, sender = stack.internet.plan.stranger(0), "someone@stranger0.example"
    octets = letter.write(sender, user.address, "patience")

    def attempt() -> Attempt:
        with stack.session(source, "mail.stranger0.example") as session:
            return hand_over(session, sender, [user.address], octets)

    attempts = deliver(attempt, patience_s=20)
    assert [(a.code, "reylisted" in a.text) for a in attempts[:1]] == [(450, True)]
    assert attempts[-1].code == 250
    stack.delivered(user, "patience")


def test_postscreen_pregreet(stack: Stack) -> None:
    """Who talks before the greeting is a robot: nothing it sends is taken."""
    user = stack.user()
    with wire(stack, stack.internet.plan.stranger(1)) as robot:
        robot.send(
            "EHLO mail.stranger1.example\r\nMAIL FROM:<a@stranger1.example>\r\n"
            f"RCPT TO:<{user.address}>\r\nDATA\r\nQUIT\r\n".encode()
        )
        replies = [reply.split("\n")[-1][:3] for reply in robot.replies()]
    assert "550" in replies
    assert "354" not in replies


def test_dnsbl_hit(stack: Stack) -> None:
    """A client on a blocklist is refused, and told which one."""
    source = stack.internet.plan.stranger(2)
    stack.internet.publish(listed(source))
    user = stack.user()
    with stack.session(source, "mail.stranger2.example") as session:
        reply = hand_over(session, "a@stranger2.example", [user.address], b"Subject: x\r\n\r\n")
    assert reply.code == 550
    assert "blocklist.example" in reply.text


def test_pipelining_early_talker(stack: Stack) -> None:
    """Who sends the message before being asked for it is refused (RFC 2920 3.1)."""
    user = stack.user()
    with wire(stack) as opened:
        assert opened.reply().startswith("220")
        assert opened.ask("EHLO mail.friend.example").startswith("250")
        opened.send(
            f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{user.address}>\r\nDATA\r\n"
            "Subject: too early\r\n\r\nx\r\n.\r\nQUIT\r\n".encode()
        )
        replies = opened.replies()
    assert not any(reply.startswith("250 2.0.0 Ok: queued") for reply in replies)
    assert any(reply.startswith("5") for reply in replies)


def test_pipelining_in_turn(stack: Stack) -> None:
    """Commands may come together up to DATA, as announced."""
    user = stack.user()
    with wire(stack) as opened:
        assert opened.reply().startswith("220")
        assert "PIPELINING" in opened.ask("EHLO mail.friend.example")
        opened.send(f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{user.address}>\r\nDATA\r\n".encode())
        assert [opened.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        opened.send(b"From: bob@friend.example\r\nSubject: piped\r\n\r\nx\r\n.\r\n")
        assert opened.reply().startswith("250")
    stack.delivered(user, "piped")


def test_too_many_rcpt(stack: Stack) -> None:
    """Recipients beyond the limit have to wait for the next transaction (RFC 5321 4.5.3.1.10)."""
    limit = int(SETTINGS["smtp.max_recipients"])
    user = stack.user()
    with wire(stack) as opened:
        opened.reply()
        opened.ask("EHLO mail.friend.example")
        opened.ask(f"MAIL FROM:<{SENDER}>")
        codes = [opened.ask(f"RCPT TO:<{user.tagged(f't{n}')}>")[:3] for n in range(limit + 1)]
    assert codes == ["250"] * limit + ["452"]


def test_empty_helo(stack: Stack) -> None:
    """A client has to say who it is before it sends anything."""
    with wire(stack) as opened:
        assert opened.reply().startswith("220")
        assert opened.ask("HELO").startswith("501")
        assert opened.ask(f"MAIL FROM:<{SENDER}>").startswith("503")


def test_sender_domain_without_dns(stack: Stack) -> None:
    """A sender whose domain does not exist could not be answered; DNS may be wrong, so 450."""
    user = stack.user()
    reply = stack.send(user.address, sender="someone@no-such-domain.example")
    assert reply.code == 450


def test_dsn_only_on_submission(stack: Stack) -> None:
    """Strangers get no delivery reports; users may ask for them."""
    with stack.session() as session:
        session.ehlo()
        assert not session.has_extn("dsn")
    with stack.submission() as session:
        session.ehlo()
        assert session.has_extn("dsn")


def test_a_session_that_is_left_open_holds_up_nobody(stack: Stack) -> None:
    """Somebody who stops in the middle of a message does not keep others waiting."""
    user = stack.user()
    with wire(stack) as idle:
        in_data(idle, SENDER, user.address)
        idle.send(b"Subject: never finished\r\n\r\nhalf a")
        assert stack.send(user.address, "others").code == 250
        stack.delivered(user, "others")
    with stack.mailbox(user) as mailbox:
        assert len(mailbox.messages()) == 1
