"""``mailstack import``: documents from JSON lines into the datastore.

The file is read twice: first every line is checked, so that a bad one changes nothing; then the
documents are sent, and couchmail writes them in transactions of a thousand. What only shows against
the stored documents (a domain that is not hosted) stops the second pass, and says how far it came.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from mailstack.cli.app import invocation
from mailstack.cli.bar import bar
from mailstack.cli.output import confirm, say
from mailstack.client import Client, UnixTransport
from mailstack.errors import InvalidDocument, MailstackError
from mailstack.model.documents import parse_document

app = typer.Typer(add_completion=False)

CHUNK = 65_536
"""Octets sent at once."""

TIMEOUT_S = 300.0
"""For one answer; ``--replace`` ends with the removal of all that is not in the file."""

MAX_LINE = 8 * 1024**2
"""Octets of one line; couchmail takes no longer one."""


@app.command(
    epilog="mailstack import users.jsonl\n\nmailstack import backup.jsonl --replace",
)
def command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines; - is standard input.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove what is not in the file, at the end.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --replace.")] = False,
) -> None:
    """Write documents, one a line as export writes them, over those of the same name."""
    if replace and not confirm("Remove everything that is not in the file?", yes=yes):
        raise typer.Abort
    client = Client(UnixTransport(invocation(context).api_socket), timeout_s=TIMEOUT_S)
    with _open(file) as source:
        size = source.seek(0, 2)
        source.seek(0)
        with bar("checking", size) as advance:
            check(source, str(file), advance)
        source.seek(0)
        with bar("importing", size) as advance:
            query = {"replace": "true"} if replace else None
            answer = client.lines("POST", "import", query=query, body=_chunks(source, advance))
            last = _last(answer)
    say(_told(last, str(file), replace=replace))


def check(source: BinaryIO, name: str, advance: Callable[[int], None]) -> None:
    """Read every line as a document.

    Raises:
        InvalidDocument: a line is none; names it.
    """
    number = 0
    while line := source.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise InvalidDocument(f"{name}:{number}: longer than {MAX_LINE} octets")
        if line.strip():
            try:
                parse_document(line)
            except InvalidDocument as error:
                raise InvalidDocument(
                    f"{name}:{number}: {error}", advice="nothing was imported"
                ) from None
        advance(len(line))


def _open(file: Path) -> BinaryIO:
    """Open the file; standard input is copied into one that can be read twice."""
    try:
        if str(file) != "-":
            return file.open("rb")
        spool = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        shutil.copyfileobj(sys.stdin.buffer, spool)
    except OSError as error:
        raise MailstackError(f"{file} cannot be read: {error.strerror}") from error
    return spool


def _chunks(source: BinaryIO, advance: Callable[[int], None]) -> Iterator[bytes]:
    while chunk := source.read(CHUNK):
        yield chunk
        advance(len(chunk))


def _last(lines: Iterator[bytes]) -> dict[str, Any]:
    last: dict[str, Any] = {"error": "couchmail closed the connection before it was done"}
    for line in lines:
        last = json.loads(line)
    return last


def _told(last: dict[str, Any], name: str, *, replace: bool) -> str:
    """Put the last line of the answer into words.

    Raises:
        InvalidDocument: the import stopped.
    """
    imported = last.get("imported", 0)
    if not last.get("done"):
        place = f"{name}:{last['line']}" if last.get("line") else name
        why = last.get("error", "couchmail closed the connection before it was done")
        raise InvalidDocument(
            f"{place}: {why}",
            advice=f"{imported} documents before it are imported, nothing was removed",
        )
    return f"imported {imported} documents" + (
        f", removed {last['removed']} documents" if replace else ""
    )
