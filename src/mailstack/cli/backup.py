"""Copies of the datastore by the clock. What is written can be read by ``mailstack import``.

On one machine couchmail is asked by its socket, in a container by the network with the token.
"""

import gzip
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mailstack.cli.invocation import Invocation
from mailstack.cli.run import ENGINE
from mailstack.client import Client, TcpTransport, UnixTransport
from mailstack.errors import MailstackError

JOB: Final = "backup"
_PATTERN: Final = "mailstack-*.jsonl.gz"
_NAME: Final = "mailstack-%Y%m%dT%H%M%SZ.jsonl.gz"
_TIMEOUT_S: Final = 120.0
_TOKEN: Final = "api.token"  # noqa: S105 - the name of its file


def backup(invocation: Invocation, folder: Path | None, keep: int) -> None:
    """Write a copy whole or not at all; then remove all but the latest ``keep``.

    Raises:
        MailstackError: couchmail does not answer to the end, or the folder cannot be written.
    """
    folder = folder or invocation.state / "data" / JOB / "copies"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / datetime.now(UTC).strftime(_NAME)
        count = _write(_client(invocation).lines("GET", "export"), file)
        older = sorted(folder.glob(_PATTERN))[:-keep]
        for path in older:
            path.unlink()
    except OSError as error:
        raise MailstackError(f"{folder} cannot be written: {error.strerror}") from error
    sys.stdout.write(f"{count} documents in {file}; {len(older)} older copies removed\n")


def _client(invocation: Invocation) -> Client:
    if os.environ.get(ENGINE) != "pod":
        return Client(UnixTransport(invocation.api_socket), timeout_s=_TIMEOUT_S)
    from mailstack.topology.addresses import cluster  # noqa: PLC0415 - in containers only
    from mailstack.topology.stack import STACK  # noqa: PLC0415

    token = (invocation.state / "secure" / _TOKEN).read_text("ascii").strip()
    endpoint = cluster(STACK, JOB)["couchmail.api"]
    return Client(TcpTransport(endpoint, token), timeout_s=_TIMEOUT_S)


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
