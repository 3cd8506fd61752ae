"""The owner's certificate is replaced while users are at work."""

import imaplib
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.e2e.stack import Stack
from tests.e2e.traffic import wait_until

from mailstack.agent import keys
from mailstack.agent.secrets import CERTIFICATE, TLS_KEY
from mailstack.aio.files import replace_text
from mailstack.demo.client import trusting

USERS = ("postfix", "dovecot", "managesieve")
"""Who shows a certificate to the world."""
BUSY_S = 10.0
"""On a machine that others use too; alone it takes less than two seconds."""


def _replace(stack: Stack, key: str, text: str) -> None:
    """Put both files in place by rename, as a program that renews certificates does."""
    replace_text(stack.state / "secure" / TLS_KEY, key, mode=0o600)
    replace_text(stack.state / "secure" / CERTIFICATE, text)


def _smtp(stack: Stack, port: str) -> ssl.SSLSocket:
    at = stack.throwaway.endpoint("postfix", port)
    session = smtplib.SMTP(at.host, at.port, timeout=60)
    session.starttls(context=_any())
    assert isinstance(session.sock, ssl.SSLSocket)
    return session.sock


def _sieve(stack: Stack) -> ssl.SSLSocket:
    at = stack.throwaway.endpoint("managesieve", "managesieve")
    session = stack.internet.connect(stack.internet.plan.friend, at)
    with session.makefile("rb") as lines:
        while not lines.readline().startswith(b"OK"):
            pass
        session.sendall(b"STARTTLS\r\n")
        assert lines.readline().startswith(b"OK")
    return _any().wrap_socket(session)


def _imaps(stack: Stack) -> ssl.SSLSocket:
    at = stack.throwaway.endpoint("dovecot", "imaps")
    return _any().wrap_socket(stack.internet.connect(stack.internet.plan.friend, at))


def _any() -> ssl.SSLContext:
    """A client that looks at what it is shown, whatever that is."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


SHOWN: dict[str, Callable[[Stack], ssl.SSLSocket]] = {
    "25": lambda stack: _smtp(stack, "smtp"),
    "587": lambda stack: _smtp(stack, "submission"),
    "993": _imaps,
    "4190": _sieve,
}


def _shown(stack: Stack) -> dict[str, bytes]:
    """What each port shows now."""
    found = {}
    for port, connect in SHOWN.items():
        with connect(stack) as session:
            found[port] = session.getpeercert(binary_form=True) or b""
    return found


@contextmanager
def _reading(stack: Stack) -> Iterator[imaplib.IMAP4_SSL]:
    """A user's session over IMAP, opened before anything happens."""
    user, at = stack.user(), stack.throwaway.endpoint("dovecot", "imaps")
    context = trusting(stack.throwaway.certificate)
    context.check_hostname = False
    session = imaplib.IMAP4_SSL(at.host, at.port, ssl_context=context, timeout=60)
    session.login(user.address, user.password)
    session.select("INBOX")
    yield session
    with suppress(OSError, imaplib.IMAP4.error):
        session.logout()


def _configs(stack: Stack) -> dict[str, dict[str, str]]:
    services = stack.status()["services"]
    return {name: services[name]["config"] for name in USERS}


def test_a_new_certificate_is_shown_within_two_seconds(
    fresh_stack: Stack, measured: Callable[[str], None]
) -> None:
    """On each port that shows one, while a session that was open goes on; a bad one is refused."""
    stack = fresh_stack
    pids = {name: stack.pid(name) for name in USERS}
    with _reading(stack) as session:
        key, text = keys.self_signed([stack.throwaway.hostname])
        wanted = ssl.PEM_cert_to_DER_cert(text)
        assert wanted not in _shown(stack).values()  # and postscreen knows this client from now on
        began = time.monotonic()
        _replace(stack, key, text)
        wait_until(lambda: set(_shown(stack).values()) == {wanted})
        took = time.monotonic() - began
        assert session.noop()[0] == "OK"

        _replace(stack, keys.self_signed([stack.throwaway.hostname])[0], text + "\n")
        wait_until(lambda: all(c["state"] == "refused" for c in _configs(stack).values()))
        for service, config in _configs(stack).items():
            assert "does not belong to privkey.pem" in config["reason"], service
        numbers = (stack.state / "run" / "mailstack.prom").read_text()
        assert 'mailstack_config_refused{service="postfix"} 1' in numbers
        assert set(_shown(stack).values()) == {wanted}
        assert session.noop()[0] == "OK"

        _replace(stack, key, text)
        wait_until(lambda: all(c["state"] == "accepted" for c in _configs(stack).values()))
    assert {name: stack.pid(name) for name in USERS} == pids
    stack.wait_healthy()
    measured(f"a new certificate is shown on {', '.join(SHOWN)} after {took:.1f} s")
    assert took < BUSY_S
