"""Delivery reports."""

from tests.e2e.stack import Stack

from mailstack.demo import letter


def test_dsn_requested(stack: Stack) -> None:
    """A user who asks for a report gets one when the message has been handed on (RFC 3461 4.1)."""
    user = stack.user()
    recipient = f"{stack.fresh('reader')}@other.example"
    octets = letter.write(user.address, recipient, "please confirm")
    with stack.submission(user) as session:
        session.sendmail(
            user.address,
            [recipient],
            octets,
            mail_options=["RET=HDRS"],
            rcpt_options=["NOTIFY=SUCCESS"],
        )
    assert stack.internet.received(recipient=recipient, timeout_s=60)
    report = stack.delivered(user, "Successful Mail Delivery Report")
    assert report.get_content_type() == "multipart/report"
    status = next(p for p in report.walk() if p.get_content_type() == "message/delivery-status")
    assert "relayed" in str(status) or "delivered" in str(status)


def test_a_bounce_tells_the_user_why(stack: Stack) -> None:
    """What the outside refuses comes back to the user who sent it, with the outside's words."""
    user = stack.user()
    recipient = f"{stack.fresh('gone')}@other.example"
    stack.internet.refuse({recipient: "550 5.1.1 moved to the seaside"})
    with stack.submission(user) as session:
        session.sendmail(user.address, [recipient], letter.write(user.address, recipient, "hi"))
    report = stack.delivered(user, "Undelivered Mail Returned to Sender")
    assert "moved to the seaside" in report.as_string()
