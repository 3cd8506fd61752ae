"""The demonstration's end: users send mail, and only as themselves."""

import smtplib

from mailstack.demo import letter
from mailstack.demo.client import Attempt, hand_over
from mailstack.demo.received import Received
from mailstack.demo.records import OTHER
from mailstack.demo.steps import NotProved, Step, expect
from mailstack.demo.throwaway import DOMAIN
from mailstack.demo.world import ADA, BEN, World

_LAPTOP = 5
"""Number of the stranger whose address the user's laptop has."""
_ANSWER = f"eve@{OTHER}"
_SUBJECTS = {"submission": "By submission", "submissions": "By submissions"}


def submit(world: World) -> str:
    for port, subject in _SUBJECTS.items():
        outcome = _submit(world, port, ADA, subject)
        expect(that=outcome.code == 250, otherwise=f"{port} answered {outcome}")  # noqa: PLR2004
    return f"{ADA} logged in with STARTTLS and with TLS from the start; both were accepted"


def _submit(world: World, port: str, sender: str, subject: str) -> Attempt:
    source = world.stack.internet.plan.stranger(_LAPTOP)
    with world.stack.submission(source, port=port) as session:
        session.login(ADA, world.password(ADA))
        return hand_over(session, sender, [_ANSWER], letter.write(sender, _ANSWER, subject))


def signed(world: World) -> str:
    for subject in _SUBJECTS.values():
        received = _arrived(world, subject)
        good = [s for s in received.signatures if s.domain == DOMAIN and s.verified]
        expect(that=bool(good), otherwise=f"signatures: {received.signatures}")
    return f"{received.server} verified d={good[0].domain} s={good[0].selector} with dkimpy"


def private(world: World) -> str:
    received = _arrived(world, _SUBJECTS["submission"])
    laptop = world.stack.internet.plan.stranger(_LAPTOP)
    expect(that=laptop not in received.text, otherwise=f"{laptop} is told to the recipient")
    return f"sent over {received.tls or 'no TLS'}; the laptop's address is not in it"


def _arrived(world: World, subject: str) -> Received:
    found = world.stack.internet.received(recipient=_ANSWER, subject=subject, timeout_s=15)
    if not found:
        raise NotProved(f"{subject!r} did not arrive at {OTHER}")
    return found[0]


def not_as_another(world: World) -> str:
    outcome = _submit(world, "submission", BEN, "Not from me")
    expect(that=outcome.code == 553, otherwise=f"it was answered {outcome}")  # noqa: PLR2004
    return f"{ADA} as {BEN}: {outcome}"


def no_plain_login(world: World) -> str:
    at = world.stack.endpoint("postfix", "submission")
    source = world.stack.internet.plan.stranger(_LAPTOP)
    with smtplib.SMTP(local_hostname="laptop.local") as session:
        session.sock = world.stack.internet.connect(source, at)
        session.getreply()
        session.ehlo()
        offered = session.has_extn("auth")
        code, text = session.docmd("AUTH", "PLAIN")
    expect(that=not offered, otherwise="AUTH is offered before STARTTLS")
    return f"AUTH is not offered before STARTTLS, and refused: {code} {text.decode()}"


STEPS = (
    Step("A user sends", "a login submits on 587 (STARTTLS) and on 465 (TLS)", submit),
    Step("It is signed", "mail leaves DKIM-signed and verifies outside", signed),
    Step("It tells no secrets", "headers do not say where the user is", private),
    Step("Nobody sends as somebody else", "a login may use its own addresses only", not_as_another),
    Step("No login in the clear", "passwords travel under TLS only", no_plain_login),
)
