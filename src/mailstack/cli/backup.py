"""Copies of the datastore by the clock. What is written can be read by ``mailstack import``."""

import gzip
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mailstack.cli.datastore import client
from mailstack.cli.invocation import Invocation
from mailstack.errors import MailstackError

JOB: Final = "backup"
_PATTERN: Final = "mailstack-*.jsonl.gz"
_NAME: Final = "mailstack-%Y%m%dT%H%M%SZ.jsonl.gz"
_TIMEOUT_S: Final = 120.0


def backup(invocation: Invocation, folder: Path | None, keep: int) -> None:
    """Write a copy whole or not at all; then remove all but the latest ``keep``.

    Raises:
        MailstackError: couchmail does not answer to the end, or the folder cannot be written.
    """
    exported = client(invocation, JOB, timeout_s=_TIMEOUT_S).lines("GET", "export")
    folder = folder or invocation.state / "data" / JOB / "copies"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / datetime.now(UTC).strftime(_NAME)
        count = _write(exported, file)
        older = sorted(folder.glob(_PATTERN))[:-keep]
        for path in older:
            path.unlink()
    except OSError as error:
        raise MailstackError(f"{folder} cannot be written: {error.strerror}") from error
    sys.stdout.write(f"{count} documents in {file}; {len(older)} older copies removed\n")


def _write(lines: Iterable[bytes], file: Path) -> int:
    part = file.with_name(f"{file.name}.part")
    count = 0
    try:
        descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6) as packed:
                for line in lines:
                    packed.write(line)
                    count += 1
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return count
