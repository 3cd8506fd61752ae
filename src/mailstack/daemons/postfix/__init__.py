"""Postfix: receives, queues and sends mail."""

from mailstack.daemons.postfix.control import Postfix

DAEMON = Postfix()

__all__ = ["DAEMON"]
