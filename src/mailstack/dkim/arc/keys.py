"""Which key seals: the primary domain's RSA key, or the one key of a stack without others."""

from dataclasses import dataclass, field
from typing import Final

from mailstack.dkim.arc.config import Config
from mailstack.dkim.asking import OWN_NONE, CannotTell, ask
from mailstack.dkim.master import MASTER, read_master
from mailstack.dkim.sealing import owner_line, unseal
from mailstack.errors import MailstackError
from mailstack.identity.seal import Sealer

ONE_KEY: Final = "dkim.private"
_ALGORITHM: Final = "rsa"


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
        answer = await ask(self.config.keys, _ALGORITHM, self.config.domain)
        selector, _, sealed = answer.partition(" ")
        if sealed:
            return self._with(selector, self._opened(selector, sealed))
        if answer == OWN_NONE and self.one_key is not None:
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
