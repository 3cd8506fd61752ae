"""The keeper's one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.daemons.spamkeeper.render import FILE, render
from mailstack.errors import ConfigError
from mailstack.spamkeeper.config import Config

SITES: Mapping[str, Mapping[str, Any]] = {
    "typical": {},
    "cluster": {"in_cluster": True},
    "shifted-local-tests": {
        "offset": 100,
        "settings": {"spam": {"network_tests": False, "update_rules": False}},
    },
}


@pytest.mark.parametrize("name", SITES)
def test_golden(name: str, tmp_path: Path) -> None:
    """What is rendered is what is expected, and what the program reads."""
    files = render(site("spamkeeper", version=(4, 0, 1), **SITES[name]))
    assert_golden(f"spamkeeper/{name}", files)
    (tmp_path / FILE).write_text(files[FILE])
    assert Config.read(tmp_path / FILE).check_every_s == 60


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"http": 3}'])
def test_another_file_is_refused(text: str, tmp_path: Path) -> None:
    """With its name."""
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigError, match=FILE):
        Config.read(tmp_path / FILE)
