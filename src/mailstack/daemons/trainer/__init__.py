"""The trainer as a service: a program of ours, run like the daemons of others."""

from typing import Final

from mailstack.daemons.trainer.control import Trainer

DAEMON: Final = Trainer()
"""How the trainer is prepared, checked, started and probed."""
