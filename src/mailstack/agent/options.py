"""What the command line says about a run of the stack."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailstack.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """Global options, as the supervisor needs them."""

    config: Path
    state: Path
    sets: Sequence[str] = ()

    def settings(self) -> "Settings":
        """Read the settings anew.

        Raises:
            ConfigError: a file or a ``--set`` is wrong.
        """
        from mailstack.settings_file import load  # noqa: PLC0415 - pydantic costs 100 ms

        return load(self.config, self.sets)
