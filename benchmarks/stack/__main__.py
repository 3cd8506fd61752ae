"""``python -m benchmarks.stack``: starts, memory, and new users of a whole stack.

Everything is done as an owner does it, by the command line, against a throw-away state folder.
Memory is PSS: shared pages count once, divided among those who share them. Idle means half a minute
after the start, with nobody connected.
"""

import argparse
import imaplib
import json
import smtplib
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from mailstack.topology.model import LOOPBACK
from mailstack.topology.stack import STACK

WANTED_UP_S = 6.0
WANTED_MIB = 350.0
WANTED_USER_S = 0.5
SETTLED_S = 30.0


@dataclass
class Result:
    what: str
    ours: float
    wanted: float
    unit: str
    parts: dict[str, float] = field(default_factory=dict)
    """MiB of each service, where memory is measured."""


@dataclass
class Owner:
    """Runs commands on one stack."""

    folder: Path
    offset: int

    def run(self, *command: str) -> str:
        argv = [sys.executable, "-P", "-m", "mailstack.cli", *command]
        options = [
            "--config",
            str(self.folder / "mailstack.toml"),
            "--state",
            str(self.folder / "s"),
        ]
        for item in (f"listen.port_offset={self.offset}", f"listen.address={LOOPBACK}",
                     "greylist.enabled=false", "smtp.dnsbl_sites=[]"):  # fmt: skip
            options += ["--set", item]
        done = subprocess.run([*argv, *options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"mailstack {' '.join(command)}: {done.stderr or done.stdout}")
        return done.stdout

    def port(self, service: str, name: str) -> int:
        return STACK.service(service).port(name).number + self.offset


@contextmanager
def owner(offset: int) -> Iterator[Owner]:
    with TemporaryDirectory(prefix="ms-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        found = Owner(folder, offset)
        found.run("init", "example.org", "--email", "owner@example.net")
        try:
            yield found
        finally:
            found.run("down")


def start(one: Owner, rounds: int) -> Result:
    """From the call of ``up --detach`` to its end; the first start, which makes keys, apart."""
    one.run("up", "--detach")
    seconds = []
    for _ in range(rounds):
        one.run("down")
        begun = time.perf_counter()
        one.run("up", "--detach")
        seconds.append(time.perf_counter() - begun)
    return Result("up --detach, to healthy", median(seconds), WANTED_UP_S, "s")


def memory(one: Owner, settle_s: float) -> Result:
    time.sleep(settle_s)
    status: dict[str, Any] = json.loads(one.run("status", "--json"))
    parts = {name: s["pss_kib"] / 1024 for name, s in status["services"].items()}
    parts["supervisor"] = status["supervisor"]["pss_kib"] / 1024
    return Result("whole stack, idle", sum(parts.values()), WANTED_MIB, "MiB PSS", parts)


def new_user(one: Owner, rounds: int) -> Result:
    """From the call of ``user add`` until the user has logged in and is accepted as a recipient."""
    seconds = []
    for number in range(rounds):
        address = f"user{number}@example.org"
        begun = time.perf_counter()
        password = one.run("user", "add", address).split()[-1]
        log_in(one, address, password)
        accept(one, address)
        seconds.append(time.perf_counter() - begun)
    return Result("user add, to login and recipient", median(seconds), WANTED_USER_S, "s")


def log_in(one: Owner, address: str, password: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with imaplib.IMAP4_SSL(LOOPBACK, one.port("dovecot", "imaps"), ssl_context=context) as imap:
        imap.login(address, password)


def accept(one: Owner, address: str) -> None:
    with smtplib.SMTP(LOOPBACK, one.port("postfix", "smtp"), "bench.example.net") as smtp:
        smtp.ehlo()
        smtp.mail("")
        code, text = smtp.rcpt(address)
        if code != 250:  # RFC 5321: accepted
            raise SystemExit(f"{address}: {code} {text!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--offset", type=int, default=8000, help="of the stack's ports")
    parser.add_argument("--settle", type=float, default=SETTLED_S, help="seconds before memory")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with owner(arguments.offset) as one:
        results = [
            start(one, arguments.rounds),
            memory(one, arguments.settle),
            new_user(one, 2 * arguments.rounds),
        ]
    if arguments.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
        return 0
    for r in results:
        print(f"{r.what:34} {r.ours:7.2f} {r.unit}  (wanted under {r.wanted:g})")
        for name, mib in r.parts.items():
            print(f"    {name:16} {mib:6.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
