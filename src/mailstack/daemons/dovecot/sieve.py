"""Compiles a user's sieve script as delivery would, before it is stored.

A script comes from a user: it is compiled by an account that owns nothing, in a folder that lasts
as long as the call, with the extensions that delivery has, in bounded time, memory and size.
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
from mailstack.daemons.dovecot.facts import DIALECT_24, SIEVE_EXTENSIONS
from mailstack.daemons.dovecot.version import installed_version
from mailstack.errors import InvalidDocument, MissingProgram, ServiceFailed
from mailstack.model.documents import MAX_SCRIPT_OCTETS

NOBODY: Final = Account(65_534, 65_534)
TIMEOUT_S: Final = 10.0
MEMORY_OCTETS: Final = 256 * 1024**2
COMPILED_OCTETS: Final = 8 * MAX_SCRIPT_OCTETS
"""A compiled script is up to some three times as large as its text."""
SCRIPT_NAME: Final = "script"
"""What the compiler calls the script, so that its messages name no file of ours."""

_FAULT = re.compile(rf"^{SCRIPT_NAME}: line (?P<line>\d+): error: (?P<words>.*)", re.MULTILINE)


async def compile_script(text: str) -> None:
    """Compile ``text``; return when delivery would run it.

    Raises:
        InvalidDocument: it does not compile; carries the compiler's line and words.
        MissingProgram: there is no sievec.
        ServiceFailed: the compiler itself failed, or took too long.
    """
    _check_size(text)
    if shutil.which("sievec") is None:
        raise _missing("sievec")  # prlimit, which starts it, says so in words of its own
    with tempfile.TemporaryDirectory(prefix="sieve-") as name:
        folder = Path(name)
        _fill(folder, text)
        finished = await _run(folder)
    if finished.status != 0:
        raise refusal(finished.output)


def refusal(output: str) -> InvalidDocument | ServiceFailed:
    """Turn the compiler's output into our error: the first fault it found."""
    match = _FAULT.search(output)
    if match is not None:
        words = match["words"].rstrip(".")
        return InvalidDocument(f"the script does not compile: line {match['line']}: {words}")
    last = output.strip().splitlines()[-1:] or ["no word"]
    return ServiceFailed(f"sievec failed: {last[0]}")


def _check_size(text: str) -> None:
    octets = len(text.encode())
    if octets > MAX_SCRIPT_OCTETS:
        raise InvalidDocument(f"the script has {octets} octets, more than {MAX_SCRIPT_OCTETS}")


def _fill(folder: Path, text: str) -> None:
    (folder / f"{SCRIPT_NAME}.sieve").write_text(text, newline="")
    (folder / "sievec.conf").write_text(_configuration())
    if os.geteuid() == 0:
        os.chown(folder, NOBODY.uid, NOBODY.gid)


def _configuration() -> str:
    """Just enough of Dovecot's for its compiler."""
    extensions = f"sieve_extensions = {' '.join(SIEVE_EXTENSIONS)}\n"
    if installed_version() < DIALECT_24:
        return f"plugin {{\n{extensions}}}\n"
    return f"dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n{extensions}"


async def _run(folder: Path) -> Finished:
    try:
        return await run(_command(folder), timeout_s=TIMEOUT_S, env=_environment(folder))
    except TimeoutError:
        raise ServiceFailed(f"sievec took more than {TIMEOUT_S:g} s") from None
    except FileNotFoundError as error:
        raise _missing(error.filename) from error


def _missing(program: str) -> MissingProgram:
    return MissingProgram(f"{program} is not installed", advice="apt-get install dovecot-sieve")


def _environment(folder: Path) -> dict[str, str]:
    """Both named, because sievec would else look its account up, and ours has no passwd entry."""
    return {"HOME": str(folder), "USER": "sieve"}


def _command(folder: Path) -> Sequence[str]:
    limits = ("prlimit", f"--as={MEMORY_OCTETS}", "--core=0", f"--fsize={COMPILED_OCTETS}")
    who = f"--reuid={NOBODY.uid}", f"--regid={NOBODY.gid}", "--clear-groups", "--no-new-privs"
    drop = ("setpriv", *who) if os.geteuid() == 0 else ()
    script, compiled = folder / f"{SCRIPT_NAME}.sieve", folder / f"{SCRIPT_NAME}.svbin"
    config = folder / "sievec.conf"
    return (*limits, *drop, "sievec", "-c", str(config), str(script), str(compiled))
