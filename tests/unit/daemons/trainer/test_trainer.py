"""The trainer's one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.daemons.trainer.render import FILE, render
from mailstack.errors import ConfigError
from mailstack.trainer.config import Config

SITES: Mapping[str, Mapping[str, Any]] = {
    "typical": {},
    "cluster": {"in_cluster": True},
    "shifted": {
        "offset": 100,
        "settings": {"spam": {"train_hour": 5, "train_parallel": 4, "grace_minutes": 0}},
    },
}


@pytest.mark.parametrize("name", SITES)
def test_golden(name: str, tmp_path: Path) -> None:
    """What is rendered is what is expected, and what the program reads."""
    files = render(site("trainer", version=(0, 1, 0), **SITES[name]))
    assert_golden(f"trainer/{name}", files)
    (tmp_path / FILE).write_text(files[FILE])
    assert Config.read(tmp_path / FILE).learning.enough == 200


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"listen": 3}'])
def test_another_file_is_refused(text: str, tmp_path: Path) -> None:
    """With its name."""
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigError, match=FILE):
        Config.read(tmp_path / FILE)
