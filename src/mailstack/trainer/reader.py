"""A user's mailbox for one run: in threads, and on a new connection when the old one broke."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from mailstack.topology.model import Endpoint
from mailstack.trainer.ledger import Ledger
from mailstack.trainer.mailbox import Mailbox, MessageUnreadable
from mailstack.trainer.survey import FOLDERS, Choice, Chosen, Plan, survey
from mailstack.trainer.waiting import TRIES, MessageBroken, Waiting

_NAMES: Final = {spam: folder for folder, spam in FOLDERS.items()}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Door:
    """How mailboxes are opened."""

    imaps: Endpoint
    certificate: Path
    master_user: str
    secret: str = field(repr=False)

    def open(self, address: str) -> Mailbox:
        """Log in as the master user, for ``address`` (RFC 4616: the authorization identity)."""
        plain = f"{address}\0{self.master_user}\0{self.secret}".encode()
        return Mailbox.open(self.imaps.host, self.imaps.port, self.certificate, plain)


@dataclass(slots=True)
class Reader:
    """Make one per run, and ``close`` it. Raises ``MailboxGone`` where the login is refused."""

    door: Door
    address: str
    waiting: Waiting
    _mailbox: Mailbox | None = field(default=None, repr=False)
    _folder: str = ""

    async def survey(self, ledger: Ledger, choice: Choice) -> Plan:
        """List both folders, and choose what there is to learn."""

        def look(mailbox: Mailbox) -> Plan:
            return survey(mailbox, ledger, choice)

        return await self.waiting.until_answered("Dovecot", lambda: self._with(look))

    async def read(self, one: Chosen) -> bytes | None:
        """Read a message; ``None`` when it is gone by now.

        Raises:
            MessageBroken: Dovecot cannot read it.
        """
        for _ in range(TRIES):
            await self.waiting.until_answered("Dovecot", lambda: self._with(lambda _: None))
            try:
                return await self._with(lambda mailbox: self._read(mailbox, one))
            except OSError:
                continue  # either Dovecot restarts, or it dies of this message
            except MessageUnreadable as error:
                raise MessageBroken(str(error)) from error
        raise MessageBroken("the connection broke each time it was read")

    def _read(self, mailbox: Mailbox, one: Chosen) -> bytes | None:
        folder = _NAMES[one.spam]
        if self._folder != folder:
            mailbox.open_folder(folder)
            self._folder = folder
        return mailbox.read(one.uid)

    async def _with(self, act: Callable[[Mailbox], T]) -> T:
        """Do something with an open connection; one that breaks is not used again."""
        if self._mailbox is None:
            self._mailbox = await asyncio.to_thread(self.door.open, self.address)
        try:
            return await asyncio.to_thread(act, self._mailbox)
        except BaseException as error:
            if not isinstance(error, MessageUnreadable):
                self.close()
            raise

    def close(self) -> None:
        """Hang up. A thread that still waits for an answer is woken by that."""
        mailbox, self._mailbox, self._folder = self._mailbox, None, ""
        if mailbox is not None:
            mailbox.close()
