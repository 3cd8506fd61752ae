"""Dovecot's own checkers: ``doveconf`` for the configuration, ``sievec`` for our scripts."""

import re
from pathlib import Path

from mailstack.aio.command import run
from mailstack.daemons.contract import Site
from mailstack.daemons.dovecot import facts
from mailstack.errors import ConfigError

_PLACE = re.compile(r"(?P<file>/\S+?)(?: line |:)(?P<line>\d+)(?:: (?P<why>.*)|\))")
"""``… file FILE line 3: WHY``, or ``… FILE: WHY (section started at FILE:3)``."""
_FAULT = re.compile(r"(?:doveconf|sievec|sieve-\w+): (?:Fatal|Error): ")


async def check(site: Site, folder: Path) -> None:
    """Read ``folder`` as Dovecot would.

    Raises:
        ConfigError: refused, with the checker's words and the owner's file and line.
    """
    finished = await run(["doveconf", "-n", "-c", str(folder / "dovecot.conf")])
    if finished.status != 0:
        raise refusal(finished.output, site, folder)
    for name in facts.SCRIPTS:
        await _compile(folder / name, site, folder)


async def _compile(script: Path, site: Site, folder: Path) -> None:
    """Beside the script, where mail processes may not write."""
    compiled = script.with_suffix(".svbin")
    compile_it = ["sievec", "-c", str(folder / "dovecot.conf"), str(script), str(compiled)]
    finished = await run(compile_it)
    if finished.status != 0:
        raise refusal(finished.output, site, folder)
    compiled.chmod(0o644)


def refusal(output: str, site: Site, folder: Path) -> ConfigError:
    """Turn a checker's output into our error, naming the owner's file instead of its copy."""
    faults = [_FAULT.sub("", line) for line in output.splitlines() if _FAULT.match(line)]
    match = next(filter(None, map(_PLACE.search, faults)), None)
    if match is None:
        words = faults[-1] if faults else output.strip() or "its checker failed without a word"
        return ConfigError(f"Dovecot refuses the configuration: {words}")
    file = Path(match["file"])
    if file.parent == folder / facts.OVERRIDES:
        file = site.paths.overrides / file.name
    why = match["why"] or "Missing '}': this section does not end"
    return ConfigError(f"Dovecot refuses it: {why}", file=file, line=int(match["line"]))
