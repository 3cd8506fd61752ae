"""A stack to throw away: real daemons on high ports, on the wire of a small internet.

It is used as a person would use it, by the command line alone; what is private to the program
stays private here too.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailstack.agent.state import supervisor_lock
from mailstack.aio import lock
from mailstack.demo import client, mailbox, ports
from mailstack.demo.internet import SmallInternet
from mailstack.demo.keys import SigningKey
from mailstack.demo.mailbox import Mailbox
from mailstack.demo.records import mail_domain, txt
from mailstack.errors import ServiceFailed
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

DOMAIN = "home.example"
OWNER = "owner@friend.example"
_TIMEOUT_S = 60.0
"""For one command; `up` itself gives up before that."""


@dataclass(frozen=True, slots=True)
class Throwaway:
    """One stack and where it is. ``folder`` must be open to the accounts of the daemons."""

    folder: Path
    internet: SmallInternet
    settings: Mapping[str, str]
    """On top of what being thrown away needs, as ``--set`` takes them."""
    offset: int
    """Of the stack's ports."""
    address: str
    """Its end of the wire."""
    domain: str = DOMAIN

    @classmethod
    def new(
        cls,
        folder: Path,
        internet: SmallInternet,
        settings: Mapping[str, str],
        *,
        address: str = "",
        domain: str = DOMAIN,
    ) -> "Throwaway":
        """Choose ports that are free now.

        Raises:
            ServiceFailed: there are none.
        """
        plan = internet.plan
        offset = ports.free_offset(plan)
        return cls(folder, internet, settings, offset, address or plan.stack, domain)

    @property
    def state(self) -> Path:
        return self.folder / "var"

    @property
    def config(self) -> Path:
        return self.folder / "mailstack.toml"

    @property
    def hostname(self) -> str:
        return f"mail.{self.domain}"

    @property
    def command(self) -> Sequence[str]:
        """The program with the global options that make it speak of this stack."""
        sets = (f"--set={key}={value}" for key, value in self._sets().items())
        places = (f"--config={self.config}", f"--state={self.state}")
        return (sys.executable, "-m", "mailstack.cli", *places, *sets)

    def _sets(self) -> Mapping[str, str]:
        return {
            "listen.address": self.address,
            "listen.port_offset": str(self.offset),
            "dns.forward": json.dumps([self.internet.resolver]),
            "dns.dnssec": "false",
            **self.settings,
        }

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command of the command line, whatever comes of it."""
        return subprocess.run(
            [*self.command, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )

    def cli(self, *arguments: str, stdin: str = "") -> str:
        """Run one command that must work, and return what it printed.

        Raises:
            ServiceFailed: it did not; carries its own words.
        """
        done = self.run(*arguments, stdin=stdin)
        if done.returncode:
            words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise ServiceFailed(f"mailstack {' '.join(arguments)}: {words[-1]}")
        return done.stdout

    def up(self) -> None:
        """Write the settings, start everything, wait until it is healthy, and appear in DNS.

        Raises:
            ServiceFailed: it did not start; carries the reason that `mailstack up` gave.
        """
        if not self.config.exists():
            self.cli("init", self.domain, "--email", OWNER)
        self.cli("up", "--detach")
        self.publish(self.domain)

    def publish(self, domain: str) -> None:
        """Publish the DNS records of a domain of this stack, its DKIM keys among them."""
        self.publish_domain(domain)
        keys = json.loads(self.cli("dkim", "show", domain, "--wait", "--json"))["items"]
        self.publish_keys(keys)

    def publish_domain(self, domain: str) -> None:
        """Publish all but the domain's own keys; the key that signs for want of one is in."""
        key = SigningKey((self.state / "secure" / "dkim.private").read_bytes())
        self.internet.publish(
            mail_domain(
                domain,
                self.address,
                key.public,
                selector="dkim",
                hostname=self.hostname,
                spf="v=spf1 mx -all",
            )
        )

    def publish_keys(self, keys: Iterable[Mapping[str, str]]) -> None:
        """Publish DKIM keys, as ``dkim show --json`` tells them."""
        self.internet.publish({key["name"]: {"TXT": (txt(key["record"]),)} for key in keys})

    def down(self) -> None:
        self.cli("down")

    def status(self) -> Any:  # noqa: ANN401 - parsed JSON, as design and docs describe it
        """Return what `mailstack status --json` says; it exits with 1 when not all is healthy."""
        return json.loads(self.run("status", "--json").stdout)

    def supervisor(self) -> int:
        """Return the process that runs the stack; 0 when none does."""
        path = supervisor_lock(self.state)
        return lock.holder(path) if lock.is_held(path) else 0

    def endpoint(self, service: str, port: str) -> Endpoint:
        """Return where the outside reaches a public port."""
        number = STACK.service(service).port(port).number
        return Endpoint(self.address, number + self.offset)

    @property
    def certificate(self) -> bytes:
        """The stack's certificate, which its clients are told to trust."""
        return (self.state / "secure" / "tls" / "fullchain.pem").read_bytes()

    def smtp(self, source: str, helo: str, *, timeout_s: float = 30.0) -> client.Session:
        """Speak to port 25 from an outside address."""
        at = self.endpoint("postfix", "smtp")
        connection = self.internet.connect(source, at, timeout_s=timeout_s)
        return client.Session(connection, helo=helo, server_name=self.hostname)

    def submission(self, source: str, *, port: str = "submission") -> client.Session:
        """Speak to 587 (STARTTLS is done) or 465 (``submissions``) from an outside address."""
        at = self.endpoint("postfix", port)
        context = client.trusting(self.certificate)
        connection = self.internet.connect(source, at)
        if port == "submissions":
            connection = client.wrap(connection, context, self.hostname)
        session = client.Session(connection, helo="laptop.local", server_name=self.hostname)
        if port == "submission":
            session.starttls(context=context)
        return session

    def mailbox(self, address: str, password: str) -> AbstractContextManager[Mailbox]:
        """Open a user's mailbox by IMAP over TLS."""
        at = self.endpoint("dovecot", "imaps")
        tls = client.trusting(self.certificate)
        return mailbox.opened(at, self.hostname, tls, address, password)
