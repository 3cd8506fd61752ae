"""Unbound: the stack's own resolver."""

from mailstack.daemons.unbound.control import Unbound

DAEMON = Unbound()
