"""The keeper of spamd's users, run like any other daemon."""

from typing import Final

from mailstack.daemons.spamkeeper.control import SpamKeeper

DAEMON: Final = SpamKeeper()
