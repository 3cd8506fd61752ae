"""Port 4190 as a service: a program of ours, run like the daemons of others."""

from typing import Final

from mailstack.daemons.managesieve.control import ManageSieve

DAEMON: Final = ManageSieve()
"""How the service is checked, started, told of a new certificate, and probed."""
