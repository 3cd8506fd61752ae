"""Who is not greylisted: the package's lists, and the owner's beside them.

Postgrey has no checker of its own, and an expression that Perl cannot read ends it. So the
expressions are given to Perl beforehand, and the other lines are held against postgrey(8).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mailstack.aio.command import run
from mailstack.daemons.contract import Overrides
from mailstack.errors import ConfigError

CLIENTS = "whitelist_clients"
RECIPIENTS = "whitelist_recipients"
LISTS = (CLIENTS, RECIPIENTS)

_HEADER = "# Written by mailstack from overrides/postgrey/{name}; the package's list is read too.\n"
_EXPRESSION = re.compile(r"/(\S+)/")
_PERL = "my $text = <STDIN>; eval { qr{$text}i; 1 } or do { $@ =~ s/ at -e.*//s; print $@ }"
"""Compiles one expression as Postgrey does. Without "use re 'eval'" Perl runs no code in it."""


def files(overrides: Overrides) -> dict[str, str]:
    return {name: _HEADER.format(name=name) + overrides.get(name, "") for name in LISTS}


async def check(overrides: Overrides, folder: Path) -> None:
    """Raise ConfigError, with file and line, for what Postgrey could not read."""
    for name in LISTS:
        for number, entry in _entries(overrides.get(name, "")):
            if words := await _complaint(entry):
                raise ConfigError(
                    f"{entry!r}: {words}",
                    file=folder / name,
                    line=number,
                    advice="write a host, an address, a network or a /Perl expression/",
                )


def _entries(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if entry:
            yield number, entry


async def _complaint(entry: str) -> str:
    if expression := _EXPRESSION.fullmatch(entry):
        finished = await run(("perl", "-e", _PERL), stdin=expression[1].encode())
        return f"Perl says: {finished.output.strip()}" if finished.output.strip() else ""
    return "" if len(entry.split()) == 1 else "more than one word"
