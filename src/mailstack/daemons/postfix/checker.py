"""Have Postfix judge a configuration folder, and say which of the owner's lines it dislikes.

``postconf -n`` names unknown and unused parameters but ends well; those are refused here, because
a misspelt parameter silently does nothing. ``postconf -M`` reads master.cf; ``postfix check``
makes sure that the programs can start with it.
"""

import difflib
import re
from pathlib import Path

from mailstack.aio.command import run
from mailstack.daemons.contract import Site
from mailstack.daemons.marks import origin
from mailstack.daemons.postfix import main_override, master_override
from mailstack.daemons.postfix.logical_lines import logical_lines
from mailstack.errors import ConfigError

_WARNING = re.compile(r"(?:warning|error|fatal|panic): (?P<words>.*)")
_FATAL = re.compile(r"(?:error|fatal|panic): (?P<words>.*)")
"""``postfix check`` also warns of what is meant: a resolv.conf unlike the machine's."""
_UNUSED = re.compile(r"unused parameter: (?P<name>[^\s=]+)")
_LINE = re.compile(r"(?P<file>main\.cf|master\.cf)(?:,|:) line (?P<line>\d+)")
_NAME = re.compile(r"\w{4,}")
"""Long enough to be a parameter's or service's name."""


async def check(site: Site, folder: Path) -> None:
    """Raise ConfigError with Postfix's own words, and the override's line where it can be told."""
    for argv, complaint in (
        (("postconf", "-c", str(folder), "-n"), _WARNING),
        (("postconf", "-c", str(folder), "-M"), _WARNING),
        (("postfix", "-c", str(folder), "check"), _FATAL),
    ):
        finished = await run(argv)
        found = complaint.search(finished.output)
        if found or finished.status != 0:
            words = found["words"] if found else f"{' '.join(argv)} failed"
            raise await _explain(site, folder, words)


async def _explain(site: Site, folder: Path, words: str) -> ConfigError:
    """Find the override that ``words`` speak of, by line number or by a name they mention."""
    advice = ""
    if unused := _UNUSED.search(words):
        advice = await _nearest(folder, unused["name"])
    file, number = _by_line(folder, words) or _by_name(folder, words) or ("", 0)
    return ConfigError(
        f"Postfix says: {words}",
        file=site.paths.overrides / file if file else None,
        line=number or None,
        advice=advice,
    )


def _by_line(folder: Path, words: str) -> tuple[str, int] | None:
    place = _LINE.search(words)
    if place is None:
        return None
    return origin((folder / place["file"]).read_text(), int(place["line"]))


def _by_name(folder: Path, words: str) -> tuple[str, int] | None:
    mentioned = set(_NAME.findall(words))
    for file in (main_override.NAME, master_override.NAME):
        text = (folder / file).read_text()
        for line in logical_lines(text, folder / file):
            found = origin(text, line.number)
            if found and mentioned & set(_NAME.findall(line.text.partition("=")[0])):
                return found
    return None


async def _nearest(folder: Path, name: str) -> str:
    """Advise the known parameter that looks most like ``name``."""
    known = await run(["postconf", "-c", str(folder), "-d"])
    names = [line.partition(" ")[0] for line in known.output.splitlines()]
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else "remove it"
