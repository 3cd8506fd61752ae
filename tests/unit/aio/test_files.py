"""Files that appear whole or not at all."""

import os
from pathlib import Path

import pytest

from mailstack.aio.files import holds, point_link, replace_text, write_tree


def test_replaces_with_mode(tmp_path: Path) -> None:
    """A file has its mode, and no temporary one stays beside it."""
    path = tmp_path / "key"
    replace_text(path, "old")
    replace_text(path, "new", mode=0o600, owner=os.geteuid(), durable=True)
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [left.name for left in tmp_path.iterdir()] == ["key"]


def test_a_failed_write_leaves_the_old(tmp_path: Path) -> None:
    """What cannot be written whole is not written at all."""
    path = tmp_path / "file"
    replace_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "\ud800")
    assert path.read_text() == "old"
    assert [left.name for left in tmp_path.iterdir()] == ["file"]


def test_tree_is_readable_by_daemons(tmp_path: Path) -> None:
    """Rendered files can be read by accounts other than root, also in sub-folders."""
    write_tree(tmp_path / "1", {"main.cf": "a", "sub/b.conf": "b"})
    assert (tmp_path / "1" / "sub" / "b.conf").read_text() == "b"
    assert (tmp_path / "1" / "sub" / "b.conf").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", ""])
def test_tree_stays_inside(tmp_path: Path, name: str) -> None:
    """No name leads out of the folder."""
    with pytest.raises(ValueError, match="not a path inside"):
        write_tree(tmp_path / "1", {name: ""})


def test_holds_compares_text(tmp_path: Path) -> None:
    """A folder holds files only if each is there, with exactly that text."""
    write_tree(tmp_path, {"a": "1\n", "b": "2\n"})
    assert holds(tmp_path, {"a": "1\n", "b": "2\n"})
    assert not holds(tmp_path, {"a": "1\n", "b": "3\n"})
    assert not holds(tmp_path, {"a": "1\n", "c": "2\n"})
    (tmp_path / "a").write_bytes(b"\xff")
    assert not holds(tmp_path, {"a": "1\n"})


def test_link_changes_in_one_step(tmp_path: Path) -> None:
    """The link points to the old target or to the new, and nothing stays beside it."""
    link = tmp_path / "current"
    point_link(link, "1")
    point_link(link, "2")
    assert link.readlink() == Path("2")
    assert [left.name for left in tmp_path.iterdir()] == ["current"]
