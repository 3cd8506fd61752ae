"""How unbound is rendered, checked, run, reloaded and asked whether it works."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from mailstack.aio.command import run
from mailstack.daemons import program
from mailstack.daemons.contract import (
    Command,
    Files,
    Overrides,
    ProbeFailed,
    Site,
    Version,
)
from mailstack.daemons.unbound import render
from mailstack.errors import ConfigError, MissingProgram
from mailstack.topology.model import LOOPBACK

ROOT_KEY = Path("/usr/share/dns/root.key")
"""Of the package dns-root-data: the trust anchor to begin with."""

PROBE_TIMEOUT_S = 3

_FATAL = re.compile(r"fatal error: (?P<words>.*)")
_FAULT = re.compile(r"(?P<file>\S+):(?P<line>\d+): error: (?P<words>.*)")


class Unbound:
    """DNS for the stack: validating, recursive, caching."""

    name = "resolver"
    packages: Sequence[str] = ("unbound", "dns-root-data")
    programs: Sequence[str] = ("unbound", "unbound-checkconf")
    override_files: Sequence[str] = ("*.conf",)

    def version(self) -> Version:
        """Ask ``unbound -V``, whose first line is like ``Version 1.17.1``."""
        program = shutil.which("unbound", path="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")
        if program is None:
            raise MissingProgram("unbound is not installed", advice="apt-get install unbound")
        question = [program, "-V"]
        said = subprocess.run(question, capture_output=True, text=True, timeout=10, check=True)
        match = re.match(r"Version (\d+)\.(\d+)\.(\d+)", said.stdout)
        if match is None:
            raise MissingProgram(f"unbound says {said.stdout[:80]!r} instead of its version")
        return tuple(int(part) for part in match.groups())

    def prepare(self, site: Site) -> None:
        """Create the folder of the trust anchor, and the anchor if there is none yet."""
        anchor = Path(render.trust_anchor(site))
        anchor.parent.mkdir(parents=True, exist_ok=True)
        if not anchor.exists():
            shutil.copyfile(ROOT_KEY, anchor)
        for path in (site.paths.data, anchor.parent, anchor):
            program.own(path, site.account)

    def render(self, site: Site, overrides: Overrides) -> Files:
        """One file, the owner's files at its end."""
        return render.render(site, overrides)

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        """Let unbound-checkconf read it.

        Raises:
            ConfigError: refused, with its words and the owner's file and line.
        """
        file = folder / render.FILE
        finished = await run(["unbound-checkconf", str(file)])
        if finished.status != 0:
            raise refusal(finished.output, file.read_text(), site, overrides)

    def commands(self, site: Site) -> Sequence[Command]:
        """Started by root for port 53; ``username`` takes over after that."""
        return (Command(("unbound", "-d", "-p", "-c", str(site.paths.conf / render.FILE))),)

    def restart_needed(self, old: Files, new: Files) -> bool:
        """When what it opens as root changes."""
        return render.listening(old[render.FILE]) != render.listening(new[render.FILE])

    async def reload(self, site: Site, pid: int) -> None:
        """SIGHUP: unbound reads its configuration anew, with empty caches."""
        del site
        os.kill(pid, signal.SIGHUP)

    async def probe(self, site: Site) -> None:
        """Ask for a name that unbound knows by itself, so that no other server matters."""
        own = site.addresses["resolver.dns"]
        host = LOOPBACK if own.host == "all" else own.host
        question = dns.message.make_query(render.PROBE_NAME, dns.rdatatype.TXT)
        try:
            # TCP first: while nobody listens it is refused at once, where UDP would wait.
            await dns.asyncquery.tcp(question, host, port=own.port, timeout=PROBE_TIMEOUT_S)
            answer = await dns.asyncquery.udp(
                question, host, port=own.port, timeout=PROBE_TIMEOUT_S
            )
        except (OSError, EOFError, dns.exception.DNSException) as error:
            raise ProbeFailed(f"no answer from unbound at {own}: {error!r}") from error
        if answer.rcode() != dns.rcode.NOERROR or not answer.answer:
            code = dns.rcode.to_text(answer.rcode())
            raise ProbeFailed(f"unbound answers {code} for a name of its own")


def refusal(output: str, text: str, site: Site, overrides: Overrides) -> ConfigError:
    """Turn unbound-checkconf's output into our error, naming the owner's file and line."""
    match = _FAULT.search(output)
    if match is None:
        fatal = _FATAL.search(output)
        words = fatal["words"] if fatal else output.strip() or "unbound-checkconf says no word"
        return ConfigError(f"unbound refuses the configuration: {words}")
    line = int(match["line"])
    file = Path(match["file"])
    origin = render.origins(text, overrides).get(line)
    if origin is not None:
        file, line = site.paths.overrides / origin.override, origin.line
    return ConfigError(f"unbound refuses it: {match['words']}", file=file, line=line)
