"""Asks couchmail what Postfix asks it: aliases and senders."""

from mailstack.contentfilter.config import Address
from mailstack.errors import ProtocolError
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.program.socketmap import ask


class Directory:
    """couchmail, as seen from here."""

    def __init__(self, address: Address) -> None:
        self._address = address

    async def listed(self, table: str, key: str) -> Outcome[list[str]]:
        """The addresses that a table has for ``key``."""
        try:
            answer = await ask(*self._address, table, key)
        except (OSError, ProtocolError) as error:
            return Unavailable(f"couchmail's table {table}: {error!r}")
        word, _, value = answer.decode("utf-8", "replace").partition(" ")
        match word:
            case "OK":
                return Found([address.strip() for address in value.split(",")])
            case "NOTFOUND":
                return NotFound()
            case _:
                return Unavailable(f"couchmail's table {table}: {answer[:80]!r}")
