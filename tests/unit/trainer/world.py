"""A user's mail, spamd and its keeper in memory, for runs without any of them."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mailstack.errors import ProtocolError
from mailstack.model.addresses import Address
from mailstack.model.spamkey import spam_key, training_profile
from mailstack.observe.log import timestamp
from mailstack.protocols.spamc import Scored, Told
from mailstack.trainer.config import Learning
from mailstack.trainer.ledger import Ledger
from mailstack.trainer.mailbox import MailboxGone, MessageUnreadable
from mailstack.trainer.message import Listed, held_out
from mailstack.trainer.peers import Keeper, Records, Wishes
from mailstack.trainer.report import Report
from mailstack.trainer.run import Peers, UserRun
from mailstack.trainer.waiting import Waiting

if TYPE_CHECKING:
    from mailstack.trainer.reader import Door
    from mailstack.trainer.spamd import Spamd

ANNA = Address("anna@example.org")
KEY = spam_key(ANNA)
LEARNING = Learning(
    threshold=5.0, enough=20, grace_s=3600, max_octets=1000, hour=3, users_at_once=2
)


class InstantClock:
    """Time that passes only when it is slept through."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


@dataclass
class Mail:
    """One message that is in a folder."""

    uid: int
    name: str
    text: bytes
    flags: frozenset[str] = frozenset({"\\seen"})
    arrived: float = 0.0
    unreadable: bool = False

    def listed(self) -> Listed:
        return Listed(self.uid, self.name.encode(), len(self.text), self.arrived, self.flags)

    @property
    def held_out(self) -> bool:
        return held_out(self.listed().id)


class FakeMailbox:
    """Two folders. ``breaks`` connections break before one does not."""

    def __init__(self) -> None:
        self.folders: dict[str, list[Mail]] = {"INBOX": [], "Spam": []}
        self.gone = False
        self.breaks = 0
        self._open = ""
        self._uids = 0

    def add(self, folder: str, name: str, text: bytes = b"", **more: Any) -> Mail:  # noqa: ANN401
        self._uids += 1
        mail = Mail(self._uids, name, b"Subject: x\r\n\r\n" + (text or name.encode()), **more)
        self.folders[folder].append(mail)
        return mail

    def fill(self, folder: str, word: str, count: int) -> list[Mail]:
        """Add messages that say ``word``, until ``count`` of them may be taught."""
        added: list[Mail] = []
        number = 0
        while sum(not one.held_out for one in added) < count:
            name = f"{folder}-{word}-{number}"
            added.append(self.add(folder, name, f"{name}\n{word}".encode()))
            number += 1
        return added

    def move(self, mail: Mail, target: str) -> None:
        for folder in self.folders.values():
            if mail in folder:
                folder.remove(mail)
        self._uids += 1
        mail.uid = self._uids
        self.folders[target].append(mail)

    # --- as the trainer sees it --------------------------------------------------------------

    def open(self, address: str) -> "FakeMailbox":
        assert address == ANNA
        if self.gone:
            raise MailboxGone("no such user")
        if self.breaks:
            self.breaks -= 1
            raise ConnectionRefusedError("Dovecot restarts")
        return self

    def open_folder(self, name: str) -> int:
        self._open = name
        return len(self.folders[name])

    def pages(self, name: str) -> Iterator[list[Listed]]:
        self.open_folder(name)
        for mail in reversed(self.folders[name]):
            yield [mail.listed()]

    def read(self, uid: int) -> bytes | None:
        for mail in self.folders[self._open]:
            if mail.uid == uid:
                if mail.unreadable:
                    raise MessageUnreadable("input/output error")
                return mail.text
        return None

    def close(self) -> None:
        pass


class Killed(BaseException):
    """The trainer's process ends here."""


@dataclass
class FakeSpamd:
    """Remembers what it was taught, and calls spam what it was taught as spam."""

    databases: dict[str, dict[bytes, bool]] = field(default_factory=dict)
    told: list[tuple[str, bytes, bool]] = field(default_factory=list)
    down: int = 0
    """Questions that are not answered from now on."""
    fatal: bytes = b"never"
    """What kills the child that reads it."""
    kill_trainer_after: int = -1
    """Lessons from now on, the last of which the trainer does not hear of."""
    deaf: bool = False
    """Says yes, and learns nothing."""

    async def tell(self, message: bytes, user: str, *, spam: bool) -> Told:
        self._answers(message)
        database = self.databases.setdefault(user, {})
        learnt = database.get(message) is not spam and not self.deaf
        self.told.append((user, message, spam))
        if not self.deaf:
            database[message] = spam
        if self.kill_trainer_after == 0:
            raise Killed
        self.kill_trainer_after -= 1
        return Told(learnt)

    async def score(self, message: bytes, user: str) -> Scored:
        self._answers(message)
        word = message.rpartition(b"\n")[2]
        known = [spam for text, spam in self.databases.get(user, {}).items() if word in text]
        spam = sum(known) * 2 > len(known)
        return Scored(spam, 8.0 if spam else 1.0, 5.0, b"")

    async def is_there(self) -> bool:
        return not self.down

    def _answers(self, message: bytes) -> None:
        if self.down:
            self.down -= 1
            raise ConnectionRefusedError("spamd restarts")
        if self.fatal in message:
            raise ProtocolError("closed before its answer was complete")


@dataclass
class FakeKeeper:
    """Copies what ``FakeSpamd`` knows."""

    spamd: FakeSpamd
    copies: list[dict[bytes, bool]] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    kill_after_restore: bool = False

    async def learnt(self, key: str) -> tuple[int, int]:
        known = list(self.spamd.databases.get(training_profile(key), {}).values())
        return known.count(False), known.count(True)

    async def prepare(self, key: str, owner: Address) -> None:
        assert key == spam_key(owner)

    async def snapshot(self, key: str, owner: Address) -> str:
        await self.prepare(key, owner)
        self.copies.append(copy.copy(self.spamd.databases.get(training_profile(key), {})))
        return str(len(self.copies))

    async def restore(self, key: str, snapshot: str) -> None:
        self.spamd.databases[training_profile(key)] = copy.copy(self.copies[int(snapshot) - 1])
        self.restored.append(snapshot)
        if self.kill_after_restore:
            raise Killed


@dataclass
class FakeRecords:
    """What couchmail knows."""

    asked_for: Wishes = field(default_factory=Wishes)
    there: bool = True
    notes: list[tuple[dict[str, Any], bool | None]] = field(default_factory=list)

    async def wishes(self, address: Address) -> Wishes:
        assert address == ANNA
        return self.asked_for

    async def has_user(self, address: Address) -> bool:
        assert address
        return self.there

    async def page(self, after: str = "") -> tuple[list[Address], str]:
        return ([ANNA], "") if not after else ([], "")

    async def note(self, address: Address, run: Any, *, own_bayes: bool | None) -> bool:  # noqa: ANN401
        assert address == ANNA
        self.notes.append((dict(run), own_bayes))
        return bool(own_bayes)


class World:
    """Everything around a run."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.mailbox = FakeMailbox()
        self.spamd = FakeSpamd()
        self.keeper = FakeKeeper(self.spamd)
        self.records = FakeRecords()
        self.clock = InstantClock()
        self.peers = Peers(
            ledger,
            cast("Records", self.records),
            cast("Keeper", self.keeper),
            cast("Spamd", self.spamd),
            cast("Door", self.mailbox),
            LEARNING,
            Waiting(clock=self.clock),
        )

    async def nightly(self) -> Report:
        report = Report(ANNA, timestamp())
        await UserRun(self.peers, ANNA, report, lambda *_: None).nightly()
        return report

    async def at_once(self) -> Report:
        report = Report(ANNA, timestamp())
        await UserRun(self.peers, ANNA, report, lambda *_: None).at_once()
        return report

    def known(self) -> dict[bytes, bool]:
        """Return what the user's database was taught."""
        return self.spamd.databases.get(training_profile(KEY), {})


def open_ledger(folder: Path) -> Ledger:
    return Ledger.open(folder / "ledger.sqlite")
