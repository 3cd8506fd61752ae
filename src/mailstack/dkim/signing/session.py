"""What users send gets a second signature: the session that makes it.

A domain without a key of its own gets none, as the stack's one key is of RSA; nor does one whose
key cannot be opened, which is said in the log. The other signature is OpenDKIM's affair.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

import dkim  # type: ignore[import-untyped] # dkimpy has no types

from mailstack.dkim.asking import ask
from mailstack.dkim.hearing import HearingSession
from mailstack.dkim.sealing import owner_line, unseal
from mailstack.dkim.signing.config import Config
from mailstack.dkim.signing.sign import ALGORITHM, NEEDED, Signer, author_domain, sign
from mailstack.errors import ConfigError, MailstackError
from mailstack.identity.body import Digests
from mailstack.identity.seal import Field

_log = logging.getLogger(__name__)


class SigningSession(HearingSession):
    """Make one per connection, ``run`` it once."""

    needed = NEEDED

    def __init__(
        self,
        config: Config,
        master: bytes | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(reader, writer)
        self._config = config
        self._master = master

    async def fields(self, header: bytes, digests: Digests) -> Sequence[Field]:
        if self.daemon_name.decode("ascii", "replace") != self._config.daemon_name:
            return []
        try:
            domain = author_domain(header)
            return await self._signed(header, digests, domain) if domain else []
        except dkim.DKIMException as error:
            _log.warning("no signature: %s", error)
            return []

    async def _signed(self, header: bytes, digests: Digests, domain: str) -> list[Field]:
        selector, _, sealed = (await ask(self._config.keys, ALGORITHM, domain)).partition(" ")
        if not sealed:
            return []
        try:
            signer = Signer(domain, selector, self._opened(domain, selector, sealed))
            return sign(header, digests, signer, int(time.time()))
        except (MailstackError, ValueError) as error:
            _log.warning("the %s key of %s cannot be used: %s", ALGORITHM, domain, error)
            return []

    def _opened(self, domain: str, selector: str, sealed: str) -> str:
        if self._master is None:
            raise ConfigError("the key that opens keys is missing")
        return unseal(self._master, owner_line(domain, selector, ALGORITHM), sealed)
