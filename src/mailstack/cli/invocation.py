"""What the global options say: which settings file, which state folder, which settings on top.

Nothing is read until a command asks for it: adding a user needs the state folder alone, and must
not pay for parsing and checking the settings.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mailstack.agent.state import check_name

if TYPE_CHECKING:
    from mailstack.settings import Settings

DEFAULT_CONFIG = Path("mailstack.toml")
DEFAULT_STATE = Path("var")


@dataclass(frozen=True)
class Invocation:
    """One run of the command line."""

    config: Path = DEFAULT_CONFIG
    state: Path = DEFAULT_STATE
    """Absolute once it comes from the command line, so that daemons may change their folder."""
    sets: tuple[str, ...] = ()
    """``KEY=VALUE`` pairs of ``--set``, as they were typed."""

    @cached_property
    def settings(self) -> "Settings":
        """The owner's settings, read on first use.

        Raises:
            ConfigError: the file is missing or wrong; names file and line.
        """
        from mailstack.settings_file import load  # noqa: PLC0415 - pydantic costs 100 ms

        return load(self.config, self.sets)

    @property
    def api_socket(self) -> Path:
        """Where couchmail's HTTP API listens on this machine.

        Raises:
            ConfigError: the state folder's name is too long for any socket in it.
        """
        check_name(self.state)
        return self.state / "run" / "couchmail" / "api.sock"
