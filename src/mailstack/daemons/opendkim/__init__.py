"""OpenDKIM: signs what leaves, verifies what arrives."""

from mailstack.daemons.opendkim.control import OpenDkim

DAEMON = OpenDkim()

__all__ = ["DAEMON"]
