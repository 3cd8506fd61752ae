"""``mailstack export``: the whole datastore as JSON lines."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from mailstack.cli.app import invocation
from mailstack.client import Client, UnixTransport
from mailstack.errors import MailstackError

app = typer.Typer(add_completion=False)


@app.command(epilog="mailstack export backup.jsonl\n\nmailstack export | gzip > b.gz")
def command(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to; standard output if left out.")
    ] = None,
) -> None:
    """Write every document as one line of JSON, as of one moment. Holds password hashes."""
    lines = Client(UnixTransport(invocation(context).api_socket)).lines("GET", "export")
    if file is None:
        sys.stdout.flush()
        _copy(lines, sys.stdout.buffer)
    else:
        _to_file(lines, file)


def _to_file(lines: Iterable[bytes], file: Path) -> None:
    """Write the file whole or not at all, readable by its owner only."""
    part = file.with_name(f"{file.name}.part")
    try:
        with open(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as opened:  # noqa: PTH123 - the mode
            count = _copy(lines, opened)
        part.replace(file)
    except OSError as error:
        raise MailstackError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    sys.stderr.write(f"exported {count} documents to {file}\n")


def _copy(lines: Iterable[bytes], out: BinaryIO) -> int:
    count = 0
    for line in lines:
        out.write(line)
        count += 1
    return count
