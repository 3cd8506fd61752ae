"""The file that ``init`` writes."""

import tomllib
from pathlib import Path

from mailstack.settings_catalogue import catalogue, to_toml
from mailstack.settings_file import check, load
from mailstack.settings_sample import sample

CHOSEN = {"domain": "example.org", "email": "owner@example.net"}


def test_the_sample_means_what_was_chosen(tmp_path: Path) -> None:
    """Read back, the file gives the chosen settings and every default."""
    file = tmp_path / "mailstack.toml"
    file.write_text(sample(CHOSEN))
    assert load(file) == check(CHOSEN)


def test_every_setting_is_explained_once() -> None:
    """Each key stands in the sample, with the first words of its description above it."""
    lines = sample(CHOSEN).splitlines()
    for setting in catalogue():
        entries = [
            i for i, line in enumerate(lines) if line.lstrip("# ").startswith(f"{setting.key} =")
        ]
        assert entries, setting.name
        assert any(setting.description[:30] in line for line in lines), setting.name


def test_every_commented_default_can_be_uncommented(tmp_path: Path) -> None:
    """Removing the "# " before each default changes nothing."""
    known = {s.key for s in catalogue() if s.default_toml}
    lines = [
        line[2:] if line.startswith("# ") and line[2:].split(" = ")[0] in known else line
        for line in sample(CHOSEN).splitlines()
    ]
    lines.remove('hostname = ""')
    file = tmp_path / "mailstack.toml"
    file.write_text("\n".join(lines))
    assert len(tomllib.loads(file.read_text())) > len(CHOSEN)
    assert load(file) == check(CHOSEN)


def test_spelling_of_values() -> None:
    """Texts are quoted, lists and booleans are TOML's, whole mebibytes carry their unit."""
    assert to_toml('a"b') == '"a\\"b"'
    assert to_toml(["a", True]) == '["a", true]'
    assert to_toml(2 * 1024**2, is_size=True) == '"2MiB"'
    assert to_toml(1000, is_size=True) == "1000"
