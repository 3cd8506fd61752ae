"""``python -m benchmarks.training``: a user's training beside ``sa-learn``, and its effect.

A stack without network tests, a user with a made-up mailbox (``tests/corpus.py``). Training is the
command ``mailstack train``; ``sa-learn`` then reads the same messages from files into a database of
its own. Verdicts are asked of that spamd, by the user's profile, and of a plain one with the same
rules, which knows neither users nor training.
"""

import argparse
import asyncio
import imaplib
import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from subprocess import DEVNULL
from tempfile import TemporaryDirectory
from typing import Any

from tests.corpus import Corpus

from benchmarks.stack.__main__ import Owner, owner
from mailstack.daemons.spamassassin.control import ACCOUNT
from mailstack.model.addresses import Address
from mailstack.model.spamkey import spam_key
from mailstack.topology.model import LOOPBACK, Endpoint
from mailstack.trainer.spamd import Spamd

USER = "anna@example.org"
CLIENTS = 2
"""As many as spamd has children."""
SETTINGS = ("--set", "spam.network_tests=false", "--set", "spam.grace_minutes=0")


@dataclass
class Rate:
    what: str
    ours_per_s: float
    reference_per_s: float
    ratio: float


@dataclass
class Effect:
    """On mail that was never taught."""

    learnt: int
    held_out_ham: int
    held_out_spam: int
    recall: float
    recall_without: float
    false_positives: int
    false_positives_without: int


def fill(stack: Owner, password: str, ham: Sequence[bytes], spam: Sequence[bytes]) -> None:
    """Put messages into the user's folders; what is in the Inbox has been read."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    port = stack.port("dovecot", "imaps")
    with imaplib.IMAP4_SSL(LOOPBACK, port, ssl_context=trusting) as imap:
        imap.login(USER, password)
        for folder, flags, messages in (("INBOX", "(\\Seen)", ham), ("Spam", "", spam)):
            for octets in messages:
                assert imap.append(folder, flags, "", octets)[0] == "OK"


def train(stack: Owner) -> dict[str, Any]:
    (report,) = json.loads(stack.run("train", USER, "--json", *SETTINGS))["users"]
    found: dict[str, Any] = report
    return found


def sa_learn(stack: Owner, ham: Sequence[bytes], spam: Sequence[bytes]) -> float:
    """Messages a second of ``sa-learn`` on the same mail, as files."""
    site = stack.folder / "s" / "conf" / "spamd" / "current"
    with TemporaryDirectory(prefix="ms-bench-", dir="/tmp") as name:
        folder = Path(name)
        for kind, messages in (("ham", ham), ("spam", spam)):
            (folder / kind).mkdir()
            for number, octets in enumerate(messages):
                (folder / kind / str(number)).write_bytes(octets)
        began = time.perf_counter()
        for kind in ("ham", "spam"):
            argv = ["sa-learn", f"--siteconfigpath={site}", f"--dbpath={folder}/db", f"--{kind}"]
            subprocess.run([*argv, folder / kind], check=True, capture_output=True)
        return (len(ham) + len(spam)) / (time.perf_counter() - began)


async def verdicts(spamd: Spamd, user: str, messages: Sequence[bytes]) -> float:
    """Verdicts a second by the profile of ``user``."""
    waiting = iter(messages)

    async def client() -> None:
        for octets in waiting:
            await spamd.score(octets, user)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())
    return len(messages) / (time.perf_counter() - began)


@contextmanager
def plain_spamd(stack: Owner) -> Iterator[Spamd]:
    """The same rules and as many children; no preferences, no database."""
    with TemporaryDirectory(prefix="ms-bench-", dir="/tmp") as name, socket.socket() as probe:
        folder = Path(name)
        folder.chmod(0o755)
        site = shutil.copytree(stack.folder / "s" / "conf" / "spamd" / "current", folder / "site")
        (site / "zz.cf").write_text("allow_user_rules 0\nuse_bayes 0\n")
        probe.bind((LOOPBACK, 0))
        at = Endpoint(*probe.getsockname())
        probe.close()
        argv = [
            *("spamd", f"--siteconfigpath={site}", f"--listen={at}", "--nouser-config", "--local"),
            *(f"--max-children={CLIENTS}", "--min-children=1", f"--username={ACCOUNT}"),
            *(f"--helper-home-dir={folder}", "--syslog=null"),
        ]
        with subprocess.Popen(argv, stdout=DEVNULL, stderr=DEVNULL) as process:
            try:
                spamd = Spamd(at)
                while not asyncio.run(spamd.is_there()):
                    time.sleep(0.1)
                yield spamd
            finally:
                process.terminate()


async def compared(
    ours: Callable[[], Awaitable[float]], other: Callable[[], Awaitable[float]], rounds: int
) -> tuple[float, float]:
    """Alternate; return both medians."""
    found = [(await ours(), await other()) for _ in range(rounds)]
    return median(one for one, _ in found), median(one for _, one in found)


def measure(messages: int, scans: int, rounds: int, offset: int) -> Iterator[Rate | Effect]:
    corpus = Corpus(USER, "gardener")
    ham, spam = list(corpus.ham(messages)), list(corpus.spam(messages))
    with owner(offset) as stack:
        stack.run("up", "--detach", *SETTINGS)
        fill(stack, stack.run("user", "add", USER).split()[-1], ham, spam)
        report = train(stack)
        assert not report["failed"], report
        learnt = report["learned_ham"] + report["learned_spam"]
        ours, reference = learnt / report["teaching_seconds"], sa_learn(stack, ham, spam)
        yield Rate("training", ours, reference, ours / reference)
        spamd = Spamd(Endpoint(LOOPBACK, stack.port("spamd", "spamc")))
        key, mails = spam_key(Address(USER)), (ham[:scans], spam[:scans])
        mixed = [octets for pair in zip(*mails, strict=True) for octets in pair]
        with plain_spamd(stack) as plain:
            both = asyncio.run(
                compared(
                    lambda: verdicts(spamd, key, mixed),
                    lambda: verdicts(plain, "nobody", mixed),
                    rounds,
                )
            )
        yield Rate("verdicts by a user's training", *both, both[0] / both[1])
        names = [field.name for field in fields(Effect) if field.name != "learnt"]
        yield Effect(learnt, **{name: report[name] for name in names})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500, help="of ham, and of spam")
    parser.add_argument("--scans", type=int, default=100, help="of ham, and of spam")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--offset", type=int, default=3000, help="of the stack's ports")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.messages, arguments.scans, arguments.rounds, arguments.offset)
    rows = [asdict(one) for one in found]
    if arguments.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
