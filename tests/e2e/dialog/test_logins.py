"""Logins on the submission ports, and those who guess."""

import smtplib
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.e2e.stack import Stack, User
from tests.e2e.wire import wire

_ALLOWED = 20
"""Logins of one client in a minute; see smtpd_client_auth_rate_limit in main.cf."""


@pytest.mark.parametrize("port", ["submission", "submissions"])
@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_login_ok(stack: Stack, user: User, port: str, mechanism: str) -> None:
    """The usual mechanisms work on both ports."""
    with stack.submission(port=port) as session:
        session.ehlo()
        session.user, session.password = user.address, user.password
        code, _ = session.auth(mechanism, getattr(session, f"auth_{mechanism}"))
    assert code == 235


@pytest.fixture(scope="module")
def user(shared_stack: Stack) -> User:
    """Someone to log in as."""
    return shared_stack.user()


@pytest.mark.parametrize("port", ["submission", "submissions"])
@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_login_bad(stack: Stack, user: User, port: str, mechanism: str) -> None:
    """A wrong password is refused for good, and says no more than that."""
    with stack.submission(port=port) as session:
        session.ehlo()
        session.user, session.password = user.address, "wrong"
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            session.auth(mechanism, getattr(session, f"auth_{mechanism}"))
    assert refused.value.smtp_code == 535


def test_login_of_nobody(stack: Stack, user: User) -> None:
    """A name that does not exist gets the same answer as a wrong password."""
    nobody = User(f"{stack.fresh('nobody')}@home.example", user.password)
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        stack.submission(nobody)
    assert refused.value.smtp_code == 535


def test_auth_too_many_failures(stack: Stack) -> None:
    """Whoever guesses passwords is told to come again later, right or wrong."""
    source = stack.internet.plan.stranger(20)

    def guess(_: int) -> str:
        with wire(stack, source, "submissions") as opened:
            opened.reply()
            opened.ask("EHLO robot.example")
            opened.ask("AUTH PLAIN")
            return opened.ask("*")

    with ThreadPoolExecutor(4) as pool:
        replies = [reply[:3] for reply in pool.map(guess, range(_ALLOWED + 5))]
    assert replies.count("501") == _ALLOWED
    assert len(set(replies)) == 2, replies
