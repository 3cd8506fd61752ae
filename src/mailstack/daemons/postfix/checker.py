"""Have Postfix judge a configuration folder, and say which of the owner's lines it dislikes.

Three judges. ``postconf -n`` and ``-M`` read both files; they name unknown and unused parameters
but end well, and those are refused here, because a misspelt parameter silently does nothing.
smtpd itself reads its parameters and opens its tables (``rehearsal.py``). What other programs read
is compared with the kind of its default, since a wrong number only shows when they start.
``postfix check`` is not used: it judges the folders of the queue, which ``spool.py`` makes.
"""

import difflib
import re
from pathlib import Path

from mailstack.aio.command import run
from mailstack.daemons.contract import Site
from mailstack.daemons.marks import origin
from mailstack.daemons.postfix import installed, main_override, master_override
from mailstack.daemons.postfix.logical_lines import logical_lines
from mailstack.daemons.postfix.rehearsal import rehearsal, settle
from mailstack.daemons.postfix.restrictions import unknown_restriction
from mailstack.errors import ConfigError

_COMPLAINT = re.compile(r"(?:warning|error|fatal|panic): (?P<words>.*)")
_SERIOUS = re.compile(r"(?:error|fatal|panic): (?P<words>.*)")
"""smtpd alone on stage also warns that the rest of the stack is not there."""
_UNUSED = re.compile(r"unused parameter: (?P<name>[^\s=]+)")
_LINE = re.compile(r"(?P<file>main\.cf|master\.cf)(?:,|:) line (?P<line>\d+)")
_NAME = re.compile(r"\w{4,}")
"""Long enough to be the name of a parameter or a service."""
_KINDS = (
    ("a number", re.compile(r"\d+"), re.compile(r"-?\d+")),
    ("a time, like 30s or 4h", re.compile(r"\d+[smhdw]"), re.compile(r"\d+[smhdw]?")),
    ('"yes" or "no"', re.compile(r"yes|no"), re.compile(r"yes|no")),
)
"""What a value must be, how a default of that kind looks, and how a value may look."""
_FREE = re.compile(r"compatibility_level|\w+_feedback")
"""Their defaults look like a number, and they may be something else."""


async def check(site: Site, folder: Path) -> None:
    """Raise ConfigError with Postfix's own words, and the override's line where it can be told."""
    settle(folder / main_override.NAME)
    printed = (await run(("postconf", "-c", str(folder), "-d"))).output
    defaults = dict(main_override.pair(line) for line in printed.splitlines())
    for judge in (_postconf, _owners, _programs, _smtpd):
        if words := await judge(folder, defaults):
            raise _refusal(site, folder, words, defaults)


async def _postconf(folder: Path, _: dict[str, str]) -> str:
    """Return the first complaint of postconf(1) about either file."""
    for what in ("-n", "-M"):
        finished = await run(("postconf", "-c", str(folder), what))
        if found := _COMPLAINT.search(finished.output):
            return found["words"]
        if finished.status != 0:
            return finished.output.strip()
    return ""


async def _owners(folder: Path, defaults: dict[str, str]) -> str:
    """Look at what the owner sets and Postfix would only dislike when it is used."""
    chosen = _chosen(folder)
    for name, value in chosen.items():
        if "$" not in value and not _FREE.fullmatch(name):
            for kind, usual, allowed in _KINDS:
                if usual.fullmatch(defaults.get(name, "")) and not allowed.fullmatch(value):
                    return f"{name} = {value} is not {kind}"
    return unknown_restriction(chosen, Path(installed.program("smtpd")))


async def _programs(folder: Path, _: dict[str, str]) -> str:
    """Look for the program of each service; master(8) would only find it missing on first use."""
    file = folder / master_override.NAME
    known = installed.programs()
    for line in logical_lines(file.read_text(), file):
        command = master_override.command(line.text)
        if command not in known:
            return f"master.cf: line {line.number}: there is no program {command}"
    return ""


def _chosen(folder: Path) -> dict[str, str]:
    """Return the owner's own parameters, by the marks above them."""
    file = folder / main_override.NAME
    text = file.read_text()
    lines = [line for line in logical_lines(text, file) if origin(text, line.number)]
    return dict(main_override.pair(line.text) for line in lines)


async def _smtpd(folder: Path, _: dict[str, str]) -> str:
    """Return what smtpd itself finds wrong."""
    with rehearsal(folder) as stage:
        finished, said = await stage.says((installed.program("smtpd"), "-S", "-u"))
        if finished.status != 0:
            # What is wrong before the log is open, only a command tells.
            said += (await stage.says(("postmap", "-q", "x", "inline:{x=x}")))[1]
    found = _SERIOUS.search(said)
    return found["words"] if found else ""


def _refusal(site: Site, folder: Path, words: str, known: dict[str, str]) -> ConfigError:
    """Name the override that ``words`` speak of: by line number, or by a name they mention."""
    file, number = _by_line(folder, words) or _by_name(folder, words) or ("", 0)
    unused = _UNUSED.search(words)
    return ConfigError(
        f"Postfix says: {words.replace(f'{folder}/', '')}",
        file=site.paths.overrides / file if file else None,
        line=number or None,
        advice=_nearest(unused["name"], known) if unused else "",
    )


def _by_line(folder: Path, words: str) -> tuple[str, int] | None:
    place = _LINE.search(words)
    if place is None:
        return None
    return origin((folder / place["file"]).read_text(), int(place["line"]))


def _by_name(folder: Path, words: str) -> tuple[str, int] | None:
    """Find the overridden line with most of the names in ``words``."""
    mentioned = set(_NAME.findall(words))
    best, place = 0, None
    for file in (main_override.NAME, master_override.NAME):
        text = (folder / file).read_text()
        for line in logical_lines(text, folder / file):
            found = origin(text, line.number)
            shared = len(mentioned & set(_NAME.findall(line.text))) if found else 0
            if shared > best:
                best, place = shared, found
    return place


def _nearest(name: str, known: dict[str, str]) -> str:
    """Advise the known parameter that looks most like ``name``."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f"did you mean {near[0]}?" if near else "remove it"
