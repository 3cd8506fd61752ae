"""Install the daemons' Debian packages, and nothing but install them.

apt-get runs without questions; Postfix's are answered beforehand (no configuration of its own, the
stack brings one), and a temporary policy-rc.d keeps the distribution's own services from starting:
they would take the very ports that the stack wants. Sources: debconf-set-selections(1),
invoke-rc.d(8), "POLICY", dpkg(1).
"""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mailstack.aio.command import MINIMAL_ENVIRONMENT
from mailstack.install.programs import refusal

Report = Callable[[str], None]

POLICY: Final = Path("/usr/sbin/policy-rc.d")
_DENY: Final = (
    "#!/bin/sh\n# mailstack: no service starts by itself while packages are installed\nexit 101\n"
)
"""101: action forbidden by policy (invoke-rc.d(8))."""
_ANSWERS: Final = "postfix postfix/main_mailer_type select No configuration\n"
_APT: Final = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=120")
_APT_ENVIRONMENT: Final = {
    **MINIMAL_ENVIRONMENT,
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
    "NEEDRESTART_SUSPEND": "1",
}
_TIMEOUT_S: Final = 1200.0
"""For one apt-get: some 60 MiB over a slow line."""
_STEPS: Final = {
    "fetching": re.compile(r"Get:\d+ \S+ \S+ \S+ (\S+)"),
    "unpacking": re.compile(r"Unpacking (\S+)"),
    "setting up": re.compile(r"Setting up (\S+)"),
}
"""What apt-get and dpkg print of each package."""


def install(packages: Sequence[str], report: Report) -> None:
    """Install ``packages``; tell each step.

    Raises:
        MissingProgram: not Debian, not root, or apt-get failed; says what to run by hand.
    """
    if shutil.which("apt-get") is None:
        raise refusal(packages, "this is not Debian, so nothing can be installed for you")
    if os.geteuid() != 0:
        raise refusal(packages, "only root can install what is missing")
    _answer(packages, report)
    with _no_services_start():
        _apt(["update"], packages, report)
        _apt(["install", "--yes", "--no-install-recommends", *packages], packages, report)


def _answer(packages: Sequence[str], report: Report) -> None:
    tool = shutil.which("debconf-set-selections")
    if "postfix" in packages and tool is not None:
        report("answering Postfix's questions")
        subprocess.run([tool], input=_ANSWERS, text=True, check=True, timeout=60)


@contextmanager
def _no_services_start() -> Iterator[None]:
    """Forbid it, unless the machine has a policy of its own, which is the owner's."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text(_DENY, encoding="ascii")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


@contextmanager
def _ended_after(seconds: float, running: "subprocess.Popen[str]") -> Iterator[None]:
    """End ``running`` when it takes too long: its output, which we read, then ends as well."""
    timer = threading.Timer(seconds, running.terminate)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _apt(arguments: Sequence[str], packages: Sequence[str], report: Report) -> None:
    report(f"apt-get {arguments[0]}")
    last = ""
    with (
        subprocess.Popen(
            [*_APT, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_APT_ENVIRONMENT,
            text=True,
            errors="replace",
        ) as running,
        _ended_after(_TIMEOUT_S, running),
    ):
        for line in running.stdout or ():
            last = line.strip() if line.startswith(("E:", "Err:", "dpkg:")) else last
            for what, pattern in _STEPS.items():
                if match := pattern.match(line):
                    report(f"{what} {match[1]}")
    if running.returncode != 0:
        why = last.removeprefix("E: ") or f"status {running.returncode}"
        raise refusal(packages, f"apt-get {arguments[0]} failed ({why})")
