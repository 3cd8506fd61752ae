"""The web service of the domains' names: a program of ours, run like the daemons of others."""

from typing import Final

from mailstack.daemons.names.control import Names

DAEMON: Final = Names()
"""How the service is checked, started, told of a new certificate, and probed."""
