"""Reading an override folder."""

from pathlib import Path

import pytest

from mailstack.agent.overrides import MAX_FILE_OCTETS, read
from mailstack.errors import ConfigError

PATTERNS = ("main.cf", "*.conf")


def test_reads_what_is_expected(tmp_path: Path) -> None:
    """Files come by name; what editors and Kubernetes leave beside them is passed over."""
    for name in ("main.cf", "10-x.conf", ".main.cf.swp", "main.cf~", "..data", "4913"):
        (tmp_path / name).write_text(name)
    assert read(tmp_path, PATTERNS) == {"10-x.conf": "10-x.conf", "main.cf": "main.cf"}


def test_no_folder_is_no_override(tmp_path: Path) -> None:
    """Overrides are optional."""
    assert read(tmp_path / "none", PATTERNS) == {}


def test_misspelt_name_is_refused(tmp_path: Path) -> None:
    """A file that would never be read must not look like a setting in force."""
    (tmp_path / "mian.cf").write_text("x")
    with pytest.raises(ConfigError, match=r"mian\.cf: not a file .* takes main\.cf, \*\.conf"):
        read(tmp_path, PATTERNS)


def test_not_text(tmp_path: Path) -> None:
    """The line with the octet that is no UTF-8 is named."""
    (tmp_path / "main.cf").write_bytes(b"a = b\n\nc = \xff\n")
    with pytest.raises(ConfigError, match=r"main\.cf:3: not UTF-8"):
        read(tmp_path, PATTERNS)


def test_too_large(tmp_path: Path) -> None:
    """A file larger than any configuration is not read into memory."""
    (tmp_path / "main.cf").write_bytes(b"#" * (MAX_FILE_OCTETS + 1))
    with pytest.raises(ConfigError, match="larger than"):
        read(tmp_path, PATTERNS)


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    """What cannot be read as a file is refused, with the system's words."""
    (tmp_path / "main.cf").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read(tmp_path, PATTERNS)
