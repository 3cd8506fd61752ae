"""Which Dovecot is installed."""

import re
import shutil
import subprocess

from mailstack.daemons.contract import Version
from mailstack.errors import MissingProgram

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def installed_version() -> Version:
    """Ask ``dovecot --version``, which answers like ``2.3.19.1 (9b53102964)``.

    Raises:
        MissingProgram: Dovecot is not installed.
    """
    program = shutil.which("dovecot", path="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        raise MissingProgram("dovecot is not installed", advice="apt-get install dovecot-imapd")
    question = [program, "--version"]
    answer = subprocess.run(question, capture_output=True, text=True, timeout=10, check=True)
    match = _VERSION.match(answer.stdout)
    if match is None:
        raise MissingProgram(f"dovecot says it is version {answer.stdout!r}")
    return tuple(int(part) for part in match.groups())
