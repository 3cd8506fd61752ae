"""The demonstration's middle: mail comes in, is checked, is filtered and is filed."""

import re
from collections.abc import Callable
from email.message import EmailMessage

from mailstack.demo.client import Attempt, deliver, hand_over
from mailstack.demo.steps import NotProved, Step, expect
from mailstack.demo.throwaway import DOMAIN
from mailstack.demo.world import (
    ADA,
    BEN,
    FRIEND_BOB,
    HAM,
    LETTERS,
    SIEVE_FOLDER,
    SPAM,
    TO_ALIAS,
    TO_CATCH_ALL,
    TO_SIEVE,
    TO_TAG,
    Letter,
    World,
)

_PATIENCE_S = 30.0
_GREYLISTED, _ACCEPTED, _REFUSED = 450, 250, range(500, 600)


def greylisting(world: World) -> str:
    """Hand over all letters in one session a round, as a server with a queue does."""
    rounds = deliver(lambda: _round(world), patience_s=_PATIENCE_S)
    first = {message: attempts[0] for message, attempts in world.attempts.items()}
    last = {message: attempts[-1] for message, attempts in world.attempts.items()}
    for message in LETTERS:
        expect(
            that=first[message].code == _GREYLISTED,
            otherwise=f"the first try for {message.recipient} was answered {first[message]}",
        )
        expect(
            that=last[message].code == _ACCEPTED,
            otherwise=f"{message.recipient} never got through: {last[message]}",
        )
    waited = rounds[-1].after_s - rounds[0].after_s
    return f"{len(LETTERS)} letters got '{first[HAM]}', and 250 on a retry {waited:.1f} s later"


def _round(world: World) -> Attempt:
    """Try every letter that is not through yet; answer as the worst of them was."""
    worst = Attempt(0, _ACCEPTED, "")
    with world.friend() as session:
        for message in LETTERS:
            attempts = world.attempts.setdefault(message, [])
            if not attempts or attempts[-1].code != _ACCEPTED:
                attempts.append(outcome := world.hand_over(session, message))
                worst = max(worst, outcome, key=lambda attempt: attempt.code)
    return worst


def ham(world: World) -> str:
    found = _find(world, ADA, HAM, "INBOX")
    return f"'{found['Subject']}' from {found['From']} is in {ADA}'s Inbox"


def verdicts(world: World) -> str:
    found = _find(world, ADA, HAM, "INBOX")
    results = " ".join(str(header) for header in found.get_all("Authentication-Results", []))
    dkim = re.search(r"dkim=pass.*?header\.d=\S+", " ".join(results.split()))
    if dkim is None:
        raise NotProved(f"Authentication-Results says {results!r}")
    tests = str(found.get("X-Spam-Status", ""))
    missing = {"SPF_PASS", "DKIM_VALID"} - set(re.split(r"[=,\s]+", tests))
    expect(that=not missing, otherwise=f"X-Spam-Status has no {missing}: {tests!r}")
    return f"Authentication-Results: {dkim[0]}; X-Spam-Status: SPF_PASS, DKIM_VALID"


def spam(world: World) -> str:
    found = _find(world, ADA, SPAM, "Spam")
    status = " ".join(str(found["X-Spam-Status"]).split())
    return f"GTUBE is in {ADA}'s Spam folder: {status.partition(' tests')[0]}"


def filed(
    message: Letter, owner: str, folder: str, why: Callable[[EmailMessage], str]
) -> Callable[[World], str]:
    """Return a step that finds ``message`` in a folder of ``owner``."""

    def step(world: World) -> str:
        return why(_find(world, owner, message, folder))

    return step


def _find(world: World, owner: str, message: Letter, folder: str) -> EmailMessage:
    with world.stack.mailbox(owner, world.password(owner)) as mailbox:
        found = mailbox.wait_for(message.subject, folder)
    if found is None:
        raise NotProved(f"{message.subject!r} is not in {folder} of {owner}")
    return found


def unknown_user(world: World) -> str:
    reply = _reply_to(world, f"nobody@{DOMAIN}")
    expect(that=reply.code == 550, otherwise=f"it was answered {reply}")  # noqa: PLR2004
    return f"nobody@{DOMAIN}: {reply}"


def no_relay(world: World) -> str:
    reply = _reply_to(world, "someone@other.example")
    expect(that=reply.code in _REFUSED, otherwise=f"it was answered {reply}")
    return f"someone@other.example: {reply}"


def _reply_to(world: World, recipient: str) -> Attempt:
    with world.friend() as session:
        return hand_over(session, FRIEND_BOB, [recipient], world.post(Letter(recipient, "x")))


STEPS = (
    Step("Mail from outside is greylisted", "a stranger has to come again, once", greylisting),
    Step("Ham", "a message passes the filter and is read by IMAP", ham),
    Step("DKIM and SPF", "who sent it was checked, and the verdicts are in the message", verdicts),
    Step("Spam", "GTUBE lands in Spam, by the global sieve script", spam),
    Step(
        "An alias",
        "a second name for a mailbox",
        filed(TO_ALIAS, ADA, "INBOX", lambda _: f"{TO_ALIAS.recipient} reached {ADA}"),
    ),
    Step(
        "A plus address",
        "a tag after the name reaches the same mailbox",
        filed(TO_TAG, ADA, "INBOX", lambda _: f"{TO_TAG.recipient} reached {ADA}"),
    ),
    Step(
        "A catch-all",
        "any name of a domain reaches a mailbox",
        filed(TO_CATCH_ALL, BEN, "INBOX", lambda _: f"{TO_CATCH_ALL.recipient} reached {BEN}"),
    ),
    Step(
        "A script files a message",
        "a user's own rules run at delivery",
        filed(TO_SIEVE, ADA, SIEVE_FOLDER, lambda _: f"it is in {SIEVE_FOLDER}, as told"),
    ),
    Step("An unknown user", "refused at once, so no bounce is sent to anybody", unknown_user),
    Step("Relaying", "nobody sends through us without a login", no_relay),
)
