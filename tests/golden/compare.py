"""Hold a rendering against the files in this folder.

A difference shows what a change does to an owner's configuration; when it is meant, run the test
with ``MAILSTACK_WRITE_GOLDEN=1`` and commit the new files.
"""

import os
from pathlib import Path

from mailstack.daemons.contract import Files

HERE = Path(__file__).parent


def assert_golden(name: str, files: Files) -> None:
    """Compare ``files`` with the folder ``tests/golden/NAME``, file by file."""
    folder = HERE / name
    if os.environ.get("MAILSTACK_WRITE_GOLDEN"):
        _write(folder, files)
    expected = {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    assert dict(sorted(files.items())) == expected


def _write(folder: Path, files: Files) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
