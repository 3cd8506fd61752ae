"""MTA-STS for outgoing mail: a program of ours, run like the daemons of others."""

from typing import Final

from mailstack.daemons.tlspolicy.control import TlsPolicy

DAEMON: Final = TlsPolicy()
"""How the service is prepared, checked, started and probed."""
