"""How spamd is rendered, checked, run, reloaded and asked whether it works."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mailstack.aio.dialog import connect
from mailstack.daemons import networks
from mailstack.daemons.contract import (
    Command,
    Files,
    Overrides,
    ProbeFailed,
    Site,
    Version,
)
from mailstack.daemons.spamassassin import lint, render, users
from mailstack.errors import MissingProgram
from mailstack.spamkeeper.rules import CURRENT
from mailstack.topology.model import LOOPBACK, Endpoint

ACCOUNT = "debian-spamd"
"""Created by Debian's package. spamd must be told the name (-u), though it is started as it."""

MESSAGES_PER_CHILD = 100
"""Then a fresh one is forked, which shares its memory with the parent again."""


class SpamAssassin:
    """Scores messages: spamd."""

    name = "spamd"
    # SpamAssassin only recommends the modules for SPF and DKIM.
    packages: Sequence[str] = ("spamassassin", "spamd", "libmail-spf-perl", "libmail-dkim-perl")
    programs: Sequence[str] = ("spamd", "spamassassin")
    override_files: Sequence[str] = ("*.cf", "*.pre")

    def version(self) -> Version:
        """Ask the Perl module, and whether those for SPF and DKIM are there too."""
        if shutil.which("spamd", path=_PATH) is None:
            raise MissingProgram("spamd is not installed", advice=self._advice())
        modules = ("-MMail::SpamAssassin", "-MMail::SPF", "-MMail::DKIM")
        ask = ("perl", *modules, "-e", "print Mail::SpamAssassin::Version()")
        said = subprocess.run(ask, check=False, capture_output=True, text=True, timeout=20)
        match = re.match(r"(\d+)\.(\d+)\.(\d+)", said.stdout)
        if match is None:
            why = said.stderr.partition(" (you may need")[0].strip()
            raise MissingProgram(f"SpamAssassin is not complete: {why}", advice=self._advice())
        return tuple(int(part) for part in match.groups())

    def _advice(self) -> str:
        return f"apt-get install {' '.join(self.packages)}"

    def prepare(self, site: Site) -> None:
        """Create the folders of users and rules."""
        users.prepare(site)

    def render(self, site: Site, overrides: Overrides) -> Files:
        """The site folder; the owner's files are read last."""
        return render.render(site, overrides)

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        """Let ``spamassassin --lint`` read it, as spamd's account."""
        await lint.check(site, folder, overrides)

    def commands(self, site: Site) -> Sequence[Command]:
        """Run spamd in the foreground: one child while idle, as many as set when busy."""
        return (
            Command(
                tuple(_arguments(site)),
                account=site.account,
                env={"HOME": str(site.paths.data)},
                stop_timeout_s=15,
            ),
        )

    def restart_needed(self, old: Files, new: Files) -> bool:
        """Never: spamd executes itself anew on SIGHUP, same process, same socket."""
        del old, new
        return False

    async def reload(self, site: Site, pid: int) -> None:
        """SIGHUP."""
        del site
        os.kill(pid, signal.SIGHUP)

    async def probe(self, site: Site) -> None:
        """SPAMC PING."""
        own = site.addresses["spamd.spamc"]
        endpoint = Endpoint(LOOPBACK, own.port) if own.host == "all" else own
        try:
            async with connect(endpoint) as dialog:
                await dialog.send("PING SPAMC/1.5\r\n")
                answer = await dialog.line()
        except OSError as error:
            raise ProbeFailed(f"spamd at {endpoint}: {error}") from error
        if "PONG" not in answer:
            raise ProbeFailed(f"spamd answers {answer!r} instead of PONG")


def _arguments(site: Site) -> Sequence[str]:
    own, spam = site.addresses["spamd.spamc"], site.settings.spam
    shared = own.host == "all"
    host = "0.0.0.0" if shared else own.host  # noqa: S104 - asked for by "all"
    return (
        "spamd",
        f"--siteconfigpath={site.paths.conf}",
        f"--listen={Endpoint(host, own.port)}",
        f"--allowed-ips={','.join(networks.of_services(own))}",
        f"--username={ACCOUNT}",
        "--nouser-config",
        f"--virtual-config-dir={users.pattern(site.paths)}",
        f"--configpath={users.rules(site.paths, site.version) / CURRENT}",
        f"--pidfile={users.pid_file(site.paths)}",
        "--allow-tell",
        f"--helper-home-dir={site.paths.data}",
        "--syslog=stderr",
        # One child waits; more are forked while there is more to do than it can take. One of those
        # stays, or every message would fork it anew; until it has work it costs next to nothing.
        f"--max-children={spam.children}",
        "--min-children=1",
        "--min-spare=1",
        f"--max-spare={min(2, spam.children)}",
        f"--max-conn-per-child={MESSAGES_PER_CHILD}",
        f"--timeout-child={int(site.settings.filter.scan_timeout_s)}",
        *(() if spam.network_tests else ("--local",)),
        *(() if site.ipv6 else ("--ipv4-only",)),
    )


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
