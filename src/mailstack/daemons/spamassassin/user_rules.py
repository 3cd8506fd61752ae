"""Has SpamAssassin itself read a user's own rules before they are stored.

What a rule may be at all is decided by ``model/spam_rules.py``; here Perl compiles the expressions,
and SpamAssassin says which of its own rules a score names that it does not have. The lines come
from a user: they are read by an account that owns nothing, in a folder that lasts as long as the
call, in bounded time and memory.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mailstack.aio.command import Finished, run
from mailstack.daemons.contract import Account
from mailstack.daemons.spamassassin.render import NETWORK_PLUGINS, PLUGINS
from mailstack.errors import InvalidDocument, MissingProgram, ServiceFailed

NOBODY: Final = Account(65_534, 65_534)
TIMEOUT_S: Final = 30.0
"""Half a second is usual: all of SpamAssassin's rules are read, because scores may name them."""
CPU_S: Final = 20
MEMORY_OCTETS: Final = 512 * 1024**2

_WARNING = re.compile(r"\[\d+\] (?:warn|error): (?:config: )?(?P<words>.*)")
_NO_SUCH_RULE = re.compile(r"dbg: config: (?P<words>score set for non-existent rule (?P<rule>\w+))")
_SUMMARY = re.compile(r"lint: \d+ issues detected")


async def lint_rules(lines: Sequence[str]) -> None:
    """Let SpamAssassin read ``lines``; return when it has nothing to say against them.

    Raises:
        InvalidDocument: it refuses one; carries its words and the line.
        MissingProgram: SpamAssassin is not installed.
        ServiceFailed: the checker itself failed, or took too long.
    """
    if not lines:
        return
    if shutil.which("spamassassin") is None:
        raise _missing("spamassassin")  # prlimit, which starts it, says so in words of its own
    with tempfile.TemporaryDirectory(prefix="spam-rules-") as name:
        folder = Path(name)
        _fill(folder, lines)
        finished = await _run(folder)
    refuse(finished, lines)


def refuse(finished: Finished, lines: Sequence[str]) -> None:
    """Turn the checker's output into our error: the first thing it found.

    Raises:
        InvalidDocument: it found something in ``lines``.
        ServiceFailed: it failed, and not because of them.
    """
    found = [
        match["words"] for match in map(_WARNING.search, finished.output.splitlines()) if match
    ]
    warnings = [words for words in found if not _SUMMARY.match(words)] + _unknown(
        finished.output, lines
    )
    for words in warnings:
        number = _line(words, lines)
        if number:
            raise InvalidDocument(
                f"SpamAssassin refuses rule {number}, {lines[number - 1]}: {words}"
            )
    if finished.status != 0:
        words = next(iter(warnings), finished.output.strip()[-200:] or "no word")
        raise ServiceFailed(f"the rules could not be checked: {words}")


def _unknown(output: str, lines: Sequence[str]) -> list[str]:
    """Scores of rules that do not exist: no error to SpamAssassin, but a slip of the user's."""
    named = {line.split()[1] for line in lines if line.startswith("score")}
    return [match["words"] for match in _NO_SUCH_RULE.finditer(output) if match["rule"] in named]


def _line(words: str, lines: Sequence[str]) -> int:
    """Number of the line that ``words`` are about, from 1; 0 if they are about none."""
    for number, line in enumerate(lines, 1):
        if re.search(rf"\b{line.split()[1]}\b", words):
            return number
    return 0


def _fill(folder: Path, lines: Sequence[str]) -> None:
    plugins = "".join(
        f"loadplugin Mail::SpamAssassin::Plugin::{name}\n" for name in PLUGINS + NETWORK_PLUGINS
    )
    (folder / "init.pre").write_text(f"enable_compat welcomelist_blocklist\n{plugins}")
    (folder / "user.cf").write_text("".join(f"{line}\n" for line in lines))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY.uid, NOBODY.gid)


async def _run(folder: Path) -> Finished:
    try:
        return await run(_command(folder), timeout_s=TIMEOUT_S, env={"HOME": str(folder)})
    except TimeoutError:
        raise ServiceFailed(f"to check the rules took more than {TIMEOUT_S:g} s") from None
    except FileNotFoundError as error:
        raise _missing(error.filename) from error


def _missing(program: str) -> MissingProgram:
    return MissingProgram(f"{program} is not installed", advice="apt-get install spamassassin")


def _command(folder: Path) -> Sequence[str]:
    limits = ("prlimit", f"--as={MEMORY_OCTETS}", f"--cpu={CPU_S}", "--core=0", "--fsize=4194304")
    who = f"--reuid={NOBODY.uid}", f"--regid={NOBODY.gid}", "--clear-groups", "--no-new-privs"
    drop = ("setpriv", *who) if os.geteuid() == 0 else ()
    lint = ("spamassassin", "--lint", "--local", "--debug=config", "--nocreate-prefs")
    return (*limits, *drop, *lint, f"--siteconfigpath={folder}")
