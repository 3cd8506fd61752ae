"""What is rendered becomes a dataclass, and what is not is named."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from mailstack.errors import ConfigError
from mailstack.program.config import Rendered, secret
from mailstack.topology.model import Endpoint


@dataclass(frozen=True, slots=True)
class Part:
    """A part of it."""

    hour: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example(Rendered):
    """One field of each kind."""

    at: Endpoint
    file: Path
    part: Part
    wait_s: float
    kind: Literal["one", "other"] = "one"
    update: Endpoint | None = None
    pair: tuple[str, int] = ("", 0)
    on: bool = True
    more: tuple[int, ...] = field(default_factory=tuple)


WHOLE = {
    "at": ["localhost", 25],
    "file": "/a/b",
    "part": {"hour": 3, "names": ["x", "y"]},
    "wait_s": 2,
    "kind": "other",
    "update": ["::1", 53],
    "pair": ["z", 1],
    "on": False,
    "more": [1, 2, 3],
}
LEAST = {name: WHOLE[name] for name in ("at", "file", "part", "wait_s")}


def read(document: object, folder: Path) -> Example:
    """Read what is rendered of ``document``."""
    file = folder / "example.json"
    file.write_text(json.dumps(document))
    return Example.read(file)


def test_every_kind_of_field(tmp_path: Path) -> None:
    """Lists, objects and words become what the fields say."""
    assert read(WHOLE, tmp_path) == Example(
        at=Endpoint("localhost", 25),
        file=Path("/a/b"),
        part=Part(3, ("x", "y")),
        wait_s=2,
        kind="other",
        update=Endpoint("::1", 53),
        pair=("z", 1),
        on=False,
        more=(1, 2, 3),
    )


def test_what_has_a_default_may_be_missing(tmp_path: Path) -> None:
    """And None stands for what may be none."""
    assert read({**LEAST, "update": None}, tmp_path) == read(LEAST, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"att": 1}, "unknown name 'att'"),
        ({"part": {"hour": 3, "min": 1}}, "unknown name 'min'"),
        ({"part": {}}, "'hour' is missing"),
        ({"part": 3}, "part is not what is rendered"),
        ({"at": ["localhost"]}, "'port' is missing"),
        ({"at": ["localhost", 25, 1]}, "at is not what is rendered"),
        ({"at": ["localhost", "25"]}, "'port' cannot be '25'"),
        ({"at": ["localhost", True]}, "'port' cannot be True"),
        ({"file": 3}, "'file' cannot be 3"),
        ({"wait_s": "2"}, "'wait_s' cannot be '2'"),
        ({"kind": "third"}, "'kind' cannot be 'third'"),
        ({"pair": ["z"]}, "'pair' cannot be"),
        ({"pair": "z"}, "'pair' cannot be"),
        ({"on": 1}, "'on' cannot be 1"),
        ({"more": ["a"]}, "'more' cannot be 'a'"),
    ],
)
def test_what_is_not_rendered_so(change: dict[str, object], words: str, tmp_path: Path) -> None:
    """One line, with the name of the field and of the file."""
    with pytest.raises(ConfigError, match=r"example\.json: ") as caught:
        read({**LEAST, **change}, tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "\xff"])
def test_what_is_no_such_file(text: str, tmp_path: Path) -> None:
    """Neither JSON of another kind nor no JSON is one."""
    file = tmp_path / "example.json"
    file.write_text(text, "latin-1")
    with pytest.raises(ConfigError, match=r"example\.json"):
        Example.read(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The reason is the system's."""
    with pytest.raises(ConfigError, match="No such file"):
        Example.read(tmp_path / "example.json")


def test_a_secret(tmp_path: Path) -> None:
    """Its line end is not part of it."""
    file = tmp_path / "token"
    file.write_text("abc\n")
    assert secret(file) == "abc"
    with pytest.raises(ConfigError, match="nothing"):
        secret(tmp_path / "nothing")
