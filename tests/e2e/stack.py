"""A running stack for end-to-end tests, with what such a test does over and over.

Tests share a stack and keep apart by fresh users and domains. Mail comes from a friend, whose
server greylisting lets through at once, unless a test is about strangers.
"""

import itertools
import json
import os
import signal
import smtplib
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from mailstack.daemons import registry
from mailstack.demo import letter, slots
from mailstack.demo.addresses import Plan
from mailstack.demo.client import Attempt, Session, hand_over
from mailstack.demo.internet import SmallInternet
from mailstack.demo.mailbox import Mailbox
from mailstack.demo.records import FRIEND
from mailstack.demo.throwaway import DOMAIN, Throwaway
from mailstack.errors import ServiceFailed
from mailstack.install import programs

SENDER = f"bob@{FRIEND}"
SETTINGS = {
    "greylist.delay": "1",
    "smtp.dnsbl_sites": '["blocklist.example*3"]',
    "smtp.max_message_octets": "1MiB",
    "smtp.max_recipients": "20",
    "spam.bayes_from": "20",  # of each: a tenth of the default, which takes a minute to teach
    "spam.grace_minutes": "0",
    "submission.max_recipients_per_day": "30",
}
_POSTFIX = """\
# Six seconds by default, which the first contact of each client would cost the tests.
postscreen_greet_wait = 1s
# Most tests come from one address, all in a minute.
smtpd_client_connection_rate_limit = 0
"""
_LAPTOPS = 100
"""The strangers from this number on are users' laptops, each session another one."""


@dataclass(frozen=True, slots=True)
class User:
    """A user of the stack, with the password."""

    address: str
    password: str

    @property
    def name(self) -> str:
        return self.address.partition("@")[0]

    def tagged(self, tag: str) -> str:
        """Return the user's address with a tag after the name."""
        name, _, domain = self.address.partition("@")
        return f"{name}+{tag}@{domain}"


@dataclass
class Stack:
    """What tests use. ``throwaway`` has the command line and the addresses of the ports."""

    throwaway: Throwaway
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def internet(self) -> SmallInternet:
        return self.throwaway.internet

    @property
    def state(self) -> Path:
        return self.throwaway.state

    def cli(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that must work; return what it printed."""
        return self.throwaway.cli(*arguments, stdin=stdin)

    # --- people ------------------------------------------------------------------------------

    def fresh(self, what: str) -> str:
        """Return a name that no other test has."""
        return f"{what}{next(self.numbers)}"

    def user(self, name: str = "", *, domain: str = DOMAIN, options: Sequence[str] = ()) -> User:
        """Create a user of a fresh name, or of the one given."""
        user = User(f"{name or self.fresh('user')}@{domain}", "correct horse battery staple")
        self.cli("user", "add", user.address, "--password-stdin", *options, stdin=user.password)
        return user

    def domain(self) -> str:
        """Create a domain of a fresh name, known to the outside too."""
        domain = f"{self.fresh('domain')}.example"
        self.cli("domain", "add", domain)
        self.publish(domain)
        return domain

    def publish(self, domain: str) -> None:
        """Make a domain's records known to the outside, its DKIM keys among them."""
        self.throwaway.publish(domain)

    def alias(self, address: str, *targets: str) -> None:
        self.cli("alias", "add", address, *targets)

    # --- mail coming in ----------------------------------------------------------------------

    def connect(self, source: str = "", port: str = "smtp") -> socket.socket:
        """Open a connection from outside to a port of Postfix: from the friend unless told."""
        at = self.throwaway.endpoint("postfix", port)
        return self.internet.connect(source or self.internet.plan.friend, at, timeout_s=20)

    def session(self, source: str = "", helo: str = f"mail.{FRIEND}") -> Session:
        """Greet port 25 from outside: as the friend's server unless told."""
        return self.throwaway.smtp(source or self.internet.plan.friend, helo)

    def send(
        self,
        recipient: str,
        subject: str = "",
        body: str = letter.HAM,
        *,
        sender: str = SENDER,
        octets: bytes = b"",
        more_recipients: Sequence[str] = (),
    ) -> Attempt:
        """Have the friend's server send a message, once; the reply that decided is the answer."""
        octets = octets or letter.write(sender or SENDER, recipient, subject, body)
        with self.session() as session:
            return hand_over(session, sender, [recipient, *more_recipients], octets)

    @contextmanager
    def mailbox(self, user: User) -> Iterator[Mailbox]:
        with self.throwaway.mailbox(user.address, user.password) as mailbox:
            yield mailbox

    def delivered(
        self, user: User, subject: str, folder: str = "INBOX", *, timeout_s: float = 20.0
    ) -> EmailMessage:
        """Wait for a message to be in a folder of the user."""
        with self.mailbox(user) as mailbox:
            found = mailbox.wait_for(subject, folder, timeout_s=timeout_s)
            assert found is not None, f"{subject!r} is not in {folder} of {user.address}"
            return found

    # --- mail going out ----------------------------------------------------------------------

    def submission(self, user: User | None = None, port: str = "submission") -> Session:
        """Speak TLS to 587 or 465 from a laptop outside; logged in if a user is given."""
        source = self.internet.plan.stranger(_LAPTOPS + next(self.numbers))
        session = self.throwaway.submission(source, port=port)
        if user is not None:
            log_in(session, user)
        return session

    # --- processes ---------------------------------------------------------------------------

    def status(self) -> Any:  # noqa: ANN401 - parsed JSON
        return self.throwaway.status()

    def pid(self, service: str) -> int:
        """Return the main process of a service."""
        pid: int = self.status()["services"][service]["pid"]
        return pid

    def kill(self, service: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Kill a service's main process; return which it was."""
        pid = self.pid(service)
        os.kill(pid, number)
        return pid

    def wait_healthy(self, *, timeout_s: float = 60.0) -> None:
        """Wait until every service is healthy again."""
        deadline = time.monotonic() + timeout_s
        while not (status := self.status())["healthy"]:
            states = {name: one["state"] for name, one in status["services"].items()}
            assert time.monotonic() < deadline, f"not healthy within {timeout_s} s: {states}"

    def wait_for_another(self, service: str, pid: int, *, timeout_s: float = 60.0) -> int:
        """Wait until a service whose main process was ``pid`` is healthy with another one."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = self.status()["services"][service]
            if found["state"] == "healthy" and found["pid"] != pid:
                return int(found["pid"])
            assert time.monotonic() < deadline, f"{service}: {found}"

    def wait_for_state(self, service: str, *states: str, timeout_s: float = 60.0) -> None:
        """Wait until a service is in one of these states."""
        deadline = time.monotonic() + timeout_s
        while (found := self.status()["services"][service])["state"] not in states:
            assert time.monotonic() < deadline, f"{service}: {found}"

    def queue(self) -> list[Mapping[str, Any]]:
        """Return every message in Postfix's queue, as ``postqueue -j`` tells it."""
        return [json.loads(line) for line in self._postqueue("-j").splitlines()]

    def flush_queue(self) -> None:
        """Have Postfix try everything in its queue now."""
        self._postqueue("-f")

    def _postqueue(self, option: str) -> str:
        conf = self.state / "conf" / "postfix" / "current"
        argv = ["postqueue", "-c", str(conf), option]
        return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True).stdout

    # --- files -------------------------------------------------------------------------------

    def override(self, name: str, text: str) -> Path:
        """Write an override, ``SERVICE/FILE``."""
        file = self.state / "overrides" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def log_sizes(self) -> dict[Path, int]:
        """Return how long each service's log is by now."""
        return {file: file.stat().st_size for file in (self.state / "log").glob("*.log")}

    def log_since(self, sizes: Mapping[Path, int]) -> dict[str, str]:
        """Return what each service has logged since ``sizes`` was taken."""
        found = {}
        for file in sorted((self.state / "log").glob("*.log")):
            with file.open("rb") as log:
                log.seek(sizes.get(file, 0))
                text = log.read().decode("utf-8", "replace")
            if text:
                found[file.stem] = text
        return found


@contextmanager
def running(
    folder: Path,
    internet: SmallInternet,
    settings: Mapping[str, str] | None = None,
    *,
    address: str = "",
    domain: str = DOMAIN,
    postfix: str = "",
) -> Iterator[Stack]:
    """Run a stack in ``folder`` until the end of the block. ``postfix``: lines for its main.cf."""
    chosen = {**SETTINGS, **(settings or {})}
    stack = Stack(Throwaway.new(folder, internet, chosen, address=address, domain=domain))
    stack.override("postfix/main.cf", _POSTFIX + postfix)
    stack.override("postgrey/whitelist_clients", f"{internet.plan.friend}\n")
    try:
        stack.throwaway.up()
    except ServiceFailed as error:
        logs = stack.log_since({}) if stack.state.exists() else {}
        for service, text in logs.items():
            error.add_note(f"{service} logged:\n" + "\n".join(text.splitlines()[-20:]))
        raise
    try:
        yield stack
    finally:
        stack.throwaway.run("down")


def log_in(session: Session, user: User) -> None:
    """Log in, once, with the mechanism that every program knows; a refusal ends the session.

    Raises:
        smtplib.SMTPAuthenticationError: refused.
    """
    session.ehlo_or_helo_if_needed()
    session.user, session.password = user.address, user.password
    try:
        session.auth("plain", session.auth_plain)
    except smtplib.SMTPAuthenticationError:
        session.close()
        raise


def missing() -> str:
    """Return why no stack can run here; empty when one can."""
    if os.geteuid() != 0:
        return "needs root: network namespaces, and daemons that drop privileges"
    lacking = programs.missing_packages(map(registry.daemon, registry.PACKAGES))
    return f"needs the packages {' '.join(lacking)}" if lacking else ""


def wait_until_unused(plan: Plan) -> None:
    """Wait until nobody uses a small internet any more: whoever holds its lock hangs up then."""
    with socket.socket(socket.AF_UNIX) as waiting, suppress(ConnectionError):
        waiting.settimeout(10)
        waiting.connect(slots.address(plan.slot))
        waiting.recv(1)
