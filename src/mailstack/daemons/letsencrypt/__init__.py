"""The keeper of the certificate: a program of ours, run like the daemons of others."""

from typing import Final

from mailstack.daemons.letsencrypt.control import LetsEncrypt

DAEMON: Final = LetsEncrypt()
"""How the service is prepared, checked, started and probed."""
