"""Postgrey: asks unknown senders to come again."""

from mailstack.daemons.postgrey.control import Postgrey

DAEMON = Postgrey()

__all__ = ["DAEMON"]
