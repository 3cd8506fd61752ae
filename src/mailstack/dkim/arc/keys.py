"""Which key seals: the primary domain's RSA key, or the one key of a stack without others.

Asked anew for each message, as OpenDKIM asks (``daemons/opendkim/templates/ask.lua``): a rotation
is in force at once, and no key is used that the world cannot see.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from mailstack.dkim.arc.config import Config
from mailstack.dkim.master import MASTER, read_master
from mailstack.dkim.sealing import owner_line, unseal
from mailstack.errors import MailstackError, ProtocolError
from mailstack.identity.seal import Sealer
from mailstack.protocols import netstring, socketmap
from mailstack.topology.model import Endpoint

ONE_KEY: Final = "dkim.private"
_ALGORITHM: Final = "rsa"
_TIMEOUT_S: Final = 10.0
_READ_OCTETS: Final = 65_536


class CannotTell(MailstackError):
    """Which key seals is not known now; a later attempt may succeed."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Of the domain that seals. Secrets are read at the start, when root still can."""

    config: Config
    master: bytes | None = field(repr=False)
    one_key: bytes | None = field(repr=False)

    @classmethod
    def read(cls, config: Config) -> "Keys":
        """Read what lies in ``config.secure``; either may be missing.

        Raises:
            ConfigError: the master key is none.
            OSError: a file cannot be read.
        """
        master, one_key = config.secure / MASTER, config.secure / ONE_KEY
        return cls(
            config,
            read_master(master) if master.exists() else None,
            one_key.read_bytes() if one_key.exists() else None,
        )

    async def sealer(self) -> Sealer | None:
        """With which to seal; None: there is no key to seal with.

        Raises:
            CannotTell: couchmail does not answer, or the key cannot be opened.
        """
        answer = await self._ask()
        selector, _, sealed = answer.partition(" ")
        if sealed:
            return self._with(selector, self._opened(selector, sealed))
        if answer == "-" and self.one_key is not None:
            return self._with(self.config.selector, self.one_key)
        return None

    def _with(self, selector: str, pem: bytes) -> Sealer:
        return Sealer(self.config.authserv_id, self.config.domain, selector, pem)

    def _opened(self, selector: str, sealed: str) -> bytes:
        if self.master is None:
            raise CannotTell(f"{MASTER} is missing", advice="bring it back from a backup")
        owner = owner_line(self.config.domain, selector, _ALGORITHM)
        try:
            return unseal(self.master, owner, sealed).encode()
        except MailstackError as error:
            raise CannotTell(error.what, advice=error.advice) from error

    async def _ask(self) -> str:
        """``SELECTOR SEALED``, ``-`` for a domain without a key of its own, empty for none."""
        question = netstring.encode(f"dkim {_ALGORITHM}:{self.config.domain}".encode())
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                answer = await _exchange(self.config.keys, question)
        except (OSError, ProtocolError) as error:
            raise CannotTell(f"couchmail does not say which key seals: {error!r}") from error
        word, _, value = answer.decode("ascii", "replace").partition(" ")
        if word not in {"OK", "NOTFOUND"}:
            raise CannotTell(f"couchmail does not say which key seals: {answer[:80]!r}")
        return value


async def _exchange(peer: Endpoint, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(peer.host, peer.port)
    try:
        writer.write(question)
        answers = netstring.Reader(socketmap.MAX_REPLY)
        while data := await reader.read(_READ_OCTETS):
            for answer in answers.feed(data):
                return answer
        raise ProtocolError("the connection closed before the answer was complete")
    finally:
        writer.close()
