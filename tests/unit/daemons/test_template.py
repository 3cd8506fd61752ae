"""Filling templates."""

import pytest

from mailstack.daemons import template
from mailstack.daemons.debian import OLDEST, release


def test_several_lines_are_indented_like_their_place() -> None:
    """A block stays a block."""
    filled = template._fill_line("  @{block}\n", {"block": "a {\n  b\n}"})
    assert filled == "  a {\n    b\n  }\n"


def test_a_place_without_value_is_a_fault() -> None:
    """Nothing is rendered with a hole in it."""
    with pytest.raises(KeyError):
        template._fill_line("port = @{port}\n", {})


@pytest.mark.parametrize(
    ("version", "number"), [("12", 12), ("13", 13), ("13.1", 13), ("", OLDEST), ("sid", OLDEST)]
)
def test_release(monkeypatch: pytest.MonkeyPatch, version: str, number: int) -> None:
    """The number of Debian's release; the oldest supported where there is none."""
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: {"VERSION_ID": version})
    assert release() == number
