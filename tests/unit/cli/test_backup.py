"""``mailstack backup``."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailstack.cli import backup
from mailstack.cli.__main__ import run
from mailstack.errors import StoreUnavailable


class FakeClient:
    """Answers an export."""

    def __init__(self, lines: list[bytes], *, breaks: bool = False) -> None:
        self._lines, self._breaks = lines, breaks

    def lines(self, *_: str) -> Iterator[bytes]:
        yield from self._lines
        if self._breaks:
            raise StoreUnavailable("the answer broke off")


def use(monkeypatch: pytest.MonkeyPatch, client: FakeClient) -> None:
    monkeypatch.setattr(backup, "client", lambda *_, **__: client)


def test_the_last_copies_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A new copy is written whole, and the oldest ones go."""
    for day in ("01", "02", "03"):
        (tmp_path / f"mailstack-202001{day}T000000Z.jsonl.gz").write_text(day)
    use(monkeypatch, FakeClient([b'{"type":"domain"}\n']))
    assert run(["backup", str(tmp_path), "--keep", "2"]) == 0
    older, newest = sorted(tmp_path.iterdir())
    assert older.name.startswith("mailstack-20200103")
    assert gzip.decompress(newest.read_bytes()) == b'{"type":"domain"}\n'
    assert newest.stat().st_mode & 0o777 == 0o600


def test_a_copy_that_breaks_off_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half an export looks like a whole one to whoever needs it, so it is not kept."""
    (tmp_path / "mailstack-20200101T000000Z.jsonl.gz").write_text("old")
    use(monkeypatch, FakeClient([b"{}\n"], breaks=True))
    assert run(["backup", str(tmp_path), "--keep", "1"]) == 1
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
    assert "broke off" in capsys.readouterr().err


def test_probe_and_drain_say_where_they_belong(capsys: pytest.CaptureFixture[str]) -> None:
    """Outside of a container, or for a name that is none, one line says what to do."""
    assert run(["probe", "nothing"]) == 1
    assert run(["drain", "dovecot"]) == 1
    told = capsys.readouterr().err
    assert "there is no service 'nothing'" in told
    assert "'dovecot' has nothing to drain" in told
