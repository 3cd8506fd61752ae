r"""Plays the transcripts of tests/dialogs/{tcp_table,socketmap,dovecot_dict}.

``@ PORT`` says which port; ``C:`` is sent and ``S:`` must come back, octet for octet, with ``\n``,
``\r``, ``\t`` and ``\xNN`` as in Python; ``S: <closed>`` is the end of the connection. The data are
``DOCUMENTS`` in running.py.
"""

import asyncio
from pathlib import Path

import pytest
from tests.unit.couchmail.running import Running

DIALOGS = Path(__file__).parents[2] / "dialogs"
FILES = [
    path
    for folder in ("tcp_table", "socketmap", "dovecot_dict")
    for path in sorted((DIALOGS / folder).glob("*.txt"))
]


def octets(text: str) -> bytes:
    return text.encode().decode("unicode_escape").encode("latin-1")


def transcript(path: Path) -> object:
    lines = [line for line in path.read_text().splitlines() if line[:1] in "@CS"]
    return pytest.param(lines, id=f"{path.parent.name}/{path.stem}")


@pytest.mark.parametrize("lines", [transcript(path) for path in FILES])
async def test_dialog(couchmail: Running, lines: list[str]) -> None:
    """What the transcript says is what happens."""
    reader, writer = await couchmail.connect(lines[0].removeprefix("@ "))
    async with asyncio.timeout(10):
        for line in lines[1:]:
            text = line[3:]
            if line.startswith("C:"):
                writer.write(octets(text))
                await writer.drain()
            elif text == "<closed>":
                assert await reader.read() == b"", line
            else:
                assert await reader.readexactly(len(octets(text))) == octets(text), line
    writer.close()
