"""A user's session over IMAP that is open while something happens, and has to outlive it."""

import imaplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.containers.project import Project

from mailstack.demo.client import trusting


@contextmanager
def reading(stack: Project) -> Iterator[imaplib.IMAP4_SSL]:
    """Open a fresh user's session before the block, and find it open at its end."""
    user, at = stack.user(), stack.throwaway.endpoint("dovecot", "imaps")
    context = trusting(stack.throwaway.certificate)
    context.check_hostname = False
    session = imaplib.IMAP4_SSL(at.host, at.port, ssl_context=context, timeout=60)
    session.login(user.address, user.password)
    session.select("INBOX")
    yield session
    assert session.noop()[0] == "OK"
    with suppress(OSError, imaplib.IMAP4.error):
        session.logout()
