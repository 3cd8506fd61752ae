"""Users and aliases come, change and go while mail flows: no restart, no gap."""

import smtplib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.e2e.stack import SENDER, Stack
from tests.e2e.traffic import flowing, wait_until

from mailstack.demo import letter
from mailstack.demo.client import hand_over
from mailstack.demo.throwaway import DOMAIN


def test_add_and_remove_a_user_while_mail_flows(
    stack: Stack, measured: Callable[[str], None]
) -> None:
    """Before it is added a user gets 550, after it mail and a login, and then 550 again."""
    steady = stack.user()
    pids = {name: one["pid"] for name, one in stack.status()["services"].items()}
    name = stack.fresh("new")
    with flowing(stack, steady) as traffic, stack.session() as session:
        traffic.wait_for(3)
        octets = letter.write(SENDER, f"{name}@{DOMAIN}", "welcome")
        assert hand_over(session, SENDER, [f"{name}@{DOMAIN}"], octets).code == 550
        began = time.perf_counter()
        user = stack.user(name)
        assert hand_over(session, SENDER, [user.address], octets).code == 250
        stack.submission(user).close()
        receives_s = time.perf_counter() - began
        stack.delivered(user, "welcome")
        stack.cli("user", "remove", user.address, "--yes")
        assert hand_over(session, SENDER, [user.address], octets).code == 550
        with pytest.raises(smtplib.SMTPAuthenticationError):
            stack.submission(user)
        traffic.wait_for(3)
    measured(f"user add → its mail accepted and logged in, under traffic: {receives_s:.3f} s")
    assert not traffic.deferred
    assert traffic.check() == 0
    assert pids == {name: one["pid"] for name, one in stack.status()["services"].items()}


def test_retarget_alias_atomic(stack: Stack) -> None:
    """While an alias changes, each message goes to the old target or to the new, once."""
    old, new = stack.user(), stack.user()
    alias = f"{stack.fresh('team')}@{DOMAIN}"
    stack.alias(alias, old.address)
    subjects = [f"{alias} {number}" for number in range(20)]
    with stack.session() as session:
        for number, subject in enumerate(subjects):
            if number % 5 == 0:
                target = (old, new)[number // 5 % 2]
                stack.cli("alias", "set", alias, target.address)
            octets = letter.write(SENDER, alias, subject)
            assert hand_over(session, SENDER, [alias], octets).code == 250
    with stack.mailbox(old) as first, stack.mailbox(new) as second:
        # the last one may overtake others
        wait_until(lambda: {*first.subjects(), *second.subjects()} == {*subjects})
        of_old, of_new = first.subjects(), second.subjects()
    assert sorted(of_old + of_new) == sorted(subjects)
    assert {int(subject.split()[1]) // 5 % 2 for subject in of_new} == {1}


def test_rename_alias_atomic(stack: Stack) -> None:
    """A renamed alias is known by one of its names at every moment, at last by the new alone."""
    user = stack.user()
    old, new = (f"{stack.fresh('name')}@{DOMAIN}" for _ in range(2))
    stack.alias(old, user.address)
    rename = (("alias", "add", new, user.address), ("alias", "remove", old))
    with ThreadPoolExecutor(1) as pool:
        renaming = pool.submit(lambda: [stack.cli(*step) for step in rename])
        while not renaming.done():
            assert 250 in _accepts(stack, old, new)
    assert _accepts(stack, old, new) == [550, 250]


def _accepts(stack: Stack, *recipients: str) -> list[int]:
    with stack.session() as session:
        session.ehlo()
        session.mail(SENDER)
        return [session.rcpt(recipient)[0] for recipient in recipients]
