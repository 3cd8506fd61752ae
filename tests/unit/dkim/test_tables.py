"""The tables of an OpenDKIM without Lua, and the keys that lie beside them."""

import json
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailstack.client import Answer, Client
from mailstack.dkim.keys import make as make_key
from mailstack.dkim.tables import KEYS, PRIVATE, SIGNING, Config, Tables, make
from mailstack.errors import StoreUnavailable
from mailstack.model.dkim import Algorithm, State
from mailstack.topology.model import LOOPBACK, Endpoint

MASTER = b"m" * 32
NOW = datetime(2026, 11, 28, tzinfo=UTC)


@dataclass
class Api(Client):
    """couchmail, played: two domains a page."""

    domains: list[dict[str, Any]]
    keys: list[dict[str, Any]]
    dead: bool = False

    def call(self, method: str, *segments: str, **given: Any) -> Answer:  # noqa: ANN401 - as the real one
        assert method == "GET"
        if self.dead:
            raise StoreUnavailable("told to fail")
        everything = {"domains": self.domains, "dkim": self.keys}[segments[0]]
        begin = int(given["query"]["after"] or 0)
        page, end = everything[begin : begin + 2], begin + 2
        return _answer(page, str(end) if end < len(everything) else "")


def _answer(items: list[dict[str, Any]], following: str) -> Answer:
    return Answer(200, {}, json.dumps({"items": items, "next": following}).encode())


def key(
    domain: str, selector: str, state: State = "signing", algorithm: Algorithm = "rsa"
) -> dict[str, Any]:
    """As the API shows one, sealed."""
    made = make_key(MASTER, domain, algorithm, prefix=selector, taken=(), now=NOW, state=state)
    shown = made.model_dump(mode="json")
    return {**shown, "sealed": shown.pop("private")}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / KEYS).write_text("# nothing yet\n")
    return Config(
        api=Endpoint(LOOPBACK, 1),
        secure=tmp_path,
        one_key=Path("/secure/dkim.private"),
        selector="dkim",
        folder=tmp_path,
        uid=0,
        gid=0,
    )


def lines(config: Config, name: str) -> list[str]:
    return (config.folder / name).read_text().splitlines()


def domain(name: str, *, enabled: bool = True) -> dict[str, Any]:
    return {"name": name, "enabled": enabled}


def keys_of(name: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"domain": name, "items": list(items)}


def files(config: Config) -> set[str]:
    found = (config.folder / PRIVATE).rglob("*")
    return {str(file.relative_to(config.folder)) for file in found if file.is_file()}


def test_a_line_for_each_domain(config: Config) -> None:
    """Its own key where it has one, the stack's where not; nothing for one that is closed."""
    own = key("a.example", "own")
    api = Api(
        [domain("a.example"), domain("b.example"), domain("c.example", enabled=False)],
        [keys_of("a.example", own, key("a.example", "small", algorithm="ed25519"))],
    )
    make(api, Tables(config, MASTER))
    file = config.folder / PRIVATE / "a.example" / own["selector"]
    assert lines(config, SIGNING) == ["a.example a.example", "b.example b.example"]
    assert lines(config, KEYS) == [
        f"a.example a.example:{own['selector']}:{file}",
        "b.example b.example:dkim:/secure/dkim.private",
    ]
    assert file.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    for one in (file, config.folder / KEYS, config.folder / SIGNING):
        assert stat.S_IMODE(one.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_what_is_needed_stays(config: Config) -> None:
    """A key that retires; and one that the tables before named, until the next ones."""
    old, gone = key("a.example", "old"), key("b.example", "gone")
    make(
        Api([domain("a.example"), domain("b.example")],
            [keys_of("a.example", old), keys_of("b.example", gone)]),
        Tables(config, MASTER),
    )  # fmt: skip
    new = key("a.example", "new")
    later = Api([domain("a.example")], [keys_of("a.example", {**old, "state": "retiring"}, new)])
    names = {f"private/a.example/{one['selector']}" for one in (old, new)}
    make(later, Tables(config, MASTER))
    assert files(config) == {*names, f"private/b.example/{gone['selector']}"}
    make(later, Tables(config, MASTER))
    assert files(config) == names
    assert f":{new['selector']}:" in lines(config, KEYS)[0]


@pytest.mark.parametrize("master", [b"x" * 32, None])
def test_a_key_that_cannot_be_opened(
    config: Config, master: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stack's key signs, and it is said."""
    api = Api([domain("a.example")], [keys_of("a.example", key("a.example", "own"))])
    make(api, Tables(config, master))
    assert lines(config, KEYS) == ["a.example a.example:dkim:/secure/dkim.private"]
    assert "the rsa key of a.example cannot be used: " in capsys.readouterr().out


def test_an_outage_changes_nothing(config: Config) -> None:
    """Who signed before goes on."""
    make(Api([domain("a.example")], []), Tables(config, MASTER))
    before = lines(config, KEYS)
    with pytest.raises(StoreUnavailable):
        make(Api([], [], dead=True), Tables(config, MASTER))
    assert lines(config, KEYS) == before


def test_the_longest_line_is_read_whole(config: Config) -> None:
    """Of a longer one OpenDKIM takes the rest for another (BUFRSZ of its opendkim-db.c)."""
    name = ".".join(["d" * 63] * 3 + ["e" * 61])
    tables = Tables(config, MASTER)
    tables.add(name, [])
    place = len("/run/opendkim/tables/private/") + 107 + len(name) + 1 + 43
    assert len(tables.keys[0]) - len("/secure/dkim.private") + place < 1023
