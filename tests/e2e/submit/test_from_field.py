"""header_from_spoof: what a user writes into From, which is what people see."""

import smtplib

import pytest
from tests.e2e.stack import SENDER, Stack, User

from mailstack.demo import letter


def submit(stack: Stack, user: User, author: str, subject: str) -> None:
    """Send as the user's own envelope, with somebody in From."""
    octets = letter.write(author, SENDER, subject, "hello")
    with stack.submission(user) as session:
        session.sendmail(user.address, [SENDER], octets)


def test_ones_own_address(stack: Stack) -> None:
    """A user writes as themselves, with a tag, and as an alias that leads to them."""
    user = stack.user()
    alias = f"{stack.fresh('alias')}@{user.address.partition('@')[2]}"
    stack.alias(alias, user.address)
    for author in (user.address, user.tagged("news"), alias):
        submit(stack, user, author, "as myself")


@pytest.mark.parametrize("author", ["boss@corp.example", SENDER])
def test_somebody_elses_address(stack: Stack, author: str) -> None:
    """The message is refused with the address that is not the user's."""
    user = stack.user()
    with pytest.raises(smtplib.SMTPDataError, match="is not an address of") as refused:
        submit(stack, user, author, "as somebody else")
    assert refused.value.smtp_code == 550
    assert author.encode() in refused.value.smtp_error
