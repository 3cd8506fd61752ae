"""Plays the transcripts of tests/dialogs/lmtp against the filter, between two scripted peers.

A line ``C:`` is said by the client, ``S:`` by the filter. ``set: NAME=VALUE`` changes the
configuration, ``mailboxes: WORD`` says where the mailbox server closes, ``spamd: down`` ends spamd.
``D:`` names the recipients of a copy in the order of delivery, and each ``|`` line after it is a
line of that copy. What local parts and words in a message do stands in ``peers.py``.
"""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.unit.contentfilter.peers import Theatre, theatre

FOLDER = Path(__file__).parents[2] / "dialogs" / "lmtp"


@dataclass
class Dialog:
    name: str
    settings: dict[str, object] = field(default_factory=dict)
    mailboxes: str = ""
    spamd: str = ""
    turns: list[tuple[str, bytes]] = field(default_factory=list)
    """Who speaks, and all the lines up to the next speaker."""
    copies: list[tuple[list[str], list[bytes]]] = field(default_factory=list)


def read(path: Path) -> Dialog:
    dialog = Dialog(path.stem)
    for line in path.read_text().splitlines():
        kind, _, rest = line.partition(" ")
        match kind:
            case "C:" | "S:":
                _speak(dialog, kind[0], rest.encode() + b"\r\n")
            case "set:":
                name, _, value = rest.partition("=")
                dialog.settings[name] = json.loads(value)
            case "mailboxes:":
                dialog.mailboxes = rest
            case "spamd:":
                dialog.spamd = rest
            case "D:":
                dialog.copies.append((rest.split(), []))
            case "|":
                dialog.copies[-1][1].append(rest.encode())
            case _:
                assert not line or line.startswith("#"), line
    return dialog


def _speak(dialog: Dialog, who: str, line: bytes) -> None:
    if dialog.turns and dialog.turns[-1][0] == who:
        dialog.turns[-1] = (who, dialog.turns[-1][1] + line)
    else:
        dialog.turns.append((who, line))


DIALOGS = [read(path) for path in sorted(FOLDER.glob("*.txt"))]


async def play(stage: Theatre, dialog: Dialog, piece: int) -> None:
    stage.mailboxes.closes_at = dialog.mailboxes
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    async with asyncio.timeout(10):
        for who, lines in dialog.turns:
            if who == "S":
                assert (await reader.readexactly(len(lines))).decode() == lines.decode()
                continue
            for start in range(0, len(lines), piece):
                writer.write(lines[start : start + piece])
                await writer.drain()
                if piece == 1:
                    await asyncio.sleep(0)
        writer.write(b"QUIT\r\n")
        rest = await reader.read()
    assert rest in (b"221 2.0.0 Bye\r\n", b""), rest
    writer.close()


@pytest.mark.parametrize("piece", [1, 1_000_000], ids=["octets", "whole"])
@pytest.mark.parametrize("dialog", DIALOGS, ids=lambda dialog: dialog.name)
async def test_dialog(dialog: Dialog, piece: int, tmp_path: Path) -> None:
    """The dialog goes as it is written, at once and octet by octet, and so do the copies."""
    async with theatre(tmp_path, **dialog.settings) as stage:
        if dialog.spamd == "down":
            stage.spamd_listener.close()
        await play(stage, dialog, piece)
        copies = [
            (copy.recipients, copy.message.split(b"\r\n")[:-1]) for copy in stage.mailboxes.copies
        ]
        assert copies == dialog.copies


def test_there_are_dialogs() -> None:
    """The folder was found."""
    assert len(DIALOGS) > 10
