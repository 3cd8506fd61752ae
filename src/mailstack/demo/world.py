"""Who is in the demonstration: the stack, its users, and what the outside has sent them."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mailstack.demo import letter
from mailstack.demo.client import Attempt, Session, hand_over, trusting
from mailstack.demo.records import FRIEND
from mailstack.demo.steps import NotProved
from mailstack.demo.throwaway import DOMAIN, Throwaway

ADA: Final = f"ada@{DOMAIN}"
BEN: Final = f"ben@{DOMAIN}"
FRIEND_BOB: Final = f"bob@{FRIEND}"
CATCH_ALL_DOMAIN: Final = "boats.example"
SIEVE_SUBJECT: Final = "[minutes] boat house"
SIEVE_FOLDER: Final = "Meetings"
SIEVE: Final = f"""\
require ["fileinto", "mailbox"];
if header :contains "Subject" "[minutes]" {{
    fileinto :create "{SIEVE_FOLDER}";
}}
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message from the friend outside."""

    recipient: str
    subject: str
    body: str = letter.HAM


HAM: Final = Letter(ADA, "Lunch on Saturday")
SPAM: Final = Letter(ADA, "Cheap pills", f"{letter.GTUBE}\n")
TO_ALIAS: Final = Letter(f"office@{DOMAIN}", "To the office")
TO_TAG: Final = Letter(f"ada+sailing@{DOMAIN}", "To a tag")
TO_CATCH_ALL: Final = Letter(f"whatever@{CATCH_ALL_DOMAIN}", "To nobody in particular")
TO_SIEVE: Final = Letter(ADA, SIEVE_SUBJECT)
LETTERS: Final = (HAM, SPAM, TO_ALIAS, TO_TAG, TO_CATCH_ALL, TO_SIEVE)


@dataclass
class World:
    """What the steps share."""

    folder: Path
    """Of everything that is written; open to the daemons' accounts."""
    cleanup: ExitStack
    """Ends what was started, last first."""
    tell: Callable[[str], None]
    """Says what is going on within a long step."""
    kept: bool = False
    """Whether the folder stays."""
    alive: bool = False
    """Whether the stack and the small internet stay too."""
    passwords: dict[str, str] = field(default_factory=dict)
    attempts: dict[Letter, list[Attempt]] = field(default_factory=dict)
    _stack: Throwaway | None = None

    @property
    def stack(self) -> Throwaway:
        if self._stack is None:
            raise NotProved("there is no stack yet")
        return self._stack

    @stack.setter
    def stack(self, stack: Throwaway) -> None:
        self._stack = stack
        self.cleanup.callback(self._take_down)

    def _take_down(self) -> None:
        if not self.alive:
            self.stack.run("down")  # one that never came up has nothing to say about it

    def keep(self) -> bool:
        """Let the stack live on, and its internet as long as it does; False if none runs."""
        if self._stack is None or not self._stack.supervisor():
            return False
        self._stack.internet.stay(self._stack.supervisor())
        self.kept = self.alive = True
        return True

    def friend(self) -> Session:
        """Open a session from the friend's mail server to ours, as that server does: with TLS."""
        session = self.stack.smtp(self.stack.internet.plan.friend, f"mail.{FRIEND}")
        session.starttls(context=trusting(self.stack.certificate))
        return session

    def post(self, message: Letter) -> bytes:
        """Write a friend's letter and sign it."""
        octets = letter.write(FRIEND_BOB, message.recipient, message.subject, message.body)
        return letter.sign(octets, self.stack.internet.key, FRIEND)

    def hand_over(self, session: Session, message: Letter) -> Attempt:
        """Try once to hand a letter to our stack."""
        return hand_over(session, FRIEND_BOB, [message.recipient], self.post(message))

    def password(self, address: str) -> str:
        try:
            return self.passwords[address]
        except KeyError:
            raise NotProved(f"{address} has not been created") from None
