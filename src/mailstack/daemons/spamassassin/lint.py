"""SpamAssassin's own checker, ``spamassassin --lint``, and its words made into our error."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mailstack.aio.command import run
from mailstack.daemons.contract import Overrides, Site
from mailstack.daemons.spamassassin import users
from mailstack.daemons.spamassassin.render import OVERRIDE_PREFIX
from mailstack.errors import ConfigError
from mailstack.spamkeeper.rules import CURRENT

_WARNING = re.compile(r"\[\d+\] (?:warn|error): (?:config: )?(?P<words>.*)")
_NOT_LOADED = re.compile(r"warn: plugin: failed to ")
"""A plugin that is not there: lint warns, and calls it no error."""
_PLACE = re.compile(r" in (?P<file>/\S+) \(line (?P<line>\d+)\)")
_NAMED = re.compile(r"(?:for|rule) '?(?P<rule>[A-Z_]\w*)|Can't locate (?P<module>\S+)\.pm")


async def check(site: Site, folder: Path, overrides: Overrides) -> None:
    """Read ``folder`` with all rules.

    Raises:
        ConfigError: refused, with SpamAssassin's words and the owner's file and line.
    """
    finished = await run(_command(site, folder), env={"HOME": str(site.paths.data)}, timeout_s=60)
    if finished.status != 0 or _NOT_LOADED.search(finished.output):
        raise refusal(finished.output, site, folder, overrides)


def _command(site: Site, folder: Path) -> Sequence[str]:
    """Not as root: a rule file can name Perl code to load."""
    who = f"--reuid={site.account.uid}", f"--regid={site.account.gid}", "--clear-groups"
    drop = ("setpriv", *who) if os.geteuid() == 0 else ()
    local = () if site.settings.spam.network_tests else ("--local",)
    rules = users.rules(site.paths, site.version) / CURRENT
    paths = (f"--siteconfigpath={folder}", f"--configpath={rules}")
    lint = ("spamassassin", "--lint", "--nocreate-prefs", *paths)
    return (*drop, *lint, *local)


def refusal(output: str, site: Site, folder: Path, overrides: Overrides) -> ConfigError:
    """The first warning that names a place; failing that, the first."""
    found = map(_WARNING.search, output.splitlines())
    warnings = [match["words"].partition(" in @INC")[0] for match in found if match]
    for words in warnings:
        place = _PLACE.search(words)
        if place:
            file = _owners(Path(place["file"]), site, folder)
            text = f"SpamAssassin refuses it: {words.replace(place[0], '')}"
            return ConfigError(text, file=file, line=int(place["line"]))
    words = next(iter(warnings), output.strip() or "spamassassin --lint failed without a word")
    origin = _line_of_name(words, overrides)
    if origin is None:
        return ConfigError(f"SpamAssassin refuses the configuration: {words}")
    name, line = origin
    file = site.paths.overrides / name
    return ConfigError(f"SpamAssassin refuses it: {words}", file=file, line=line)


def _owners(file: Path, site: Site, folder: Path) -> Path:
    if file.parent == folder and file.name.startswith(OVERRIDE_PREFIX):
        return site.paths.overrides / file.name.removeprefix(OVERRIDE_PREFIX)
    return file


def _line_of_name(words: str, overrides: Overrides) -> tuple[str, int] | None:
    """Some warnings name only a rule, or a plugin by its path."""
    match = _NAMED.search(words)
    if match is None:
        return None
    word = match["rule"] or match["module"].replace("/", "::")
    return next(_lines_with(word, overrides), None)


def _lines_with(word: str, overrides: Overrides) -> Iterator[tuple[str, int]]:
    whole = re.compile(rf"\b{re.escape(word)}\b")
    for name, text in sorted(overrides.items()):
        for number, line in enumerate(text.splitlines(), 1):
            if whole.search(line):
                yield name, number
