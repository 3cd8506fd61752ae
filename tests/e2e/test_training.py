"""Filtering that learns from each user's own mail, from IMAP to the next verdict."""

import http.client
import imaplib
import itertools
import json
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import SMTP
from email.utils import format_datetime, localtime
from typing import Any

import pytest
from tests.corpus import Corpus
from tests.e2e.stack import Stack, User

from mailstack.model.addresses import Address
from mailstack.model.spamkey import spam_key, training_profile
from mailstack.topology.stack import STACK
from mailstack.trainer.message import Listed

TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Training:
    """What these tests do with a stack over and over."""

    stack: Stack

    # --- mail --------------------------------------------------------------------------------

    @contextmanager
    def imap(self, user: User) -> Iterator[imaplib.IMAP4]:
        with self.stack.mailbox(user) as mailbox:
            yield mailbox.imap

    def put(self, user: User, folder: str, messages: Iterable[bytes]) -> None:
        """Append messages; what is in the Inbox has been read."""
        with self.imap(user) as imap:
            for octets in messages:
                flags = "(\\Seen)" if folder == "INBOX" else ""
                assert imap.append(folder, flags, "", octets)[0] == "OK"

    def put_until(self, user: User, folder: str, messages: Iterator[bytes], taught: int) -> int:
        """Append until ``taught`` of them may be learnt; return how many are held out."""
        while (missing := taught - self.count(user, folder)[0]) > 0:
            self.put(user, folder, itertools.islice(messages, missing))
        return self.count(user, folder)[1]

    def count(self, user: User, folder: str) -> tuple[int, int]:
        """Return how many messages of a folder may be learnt, and how many are held out."""
        held = [one.held_out for one in self.listed(user, folder)]
        return held.count(False), held.count(True)

    def listed(self, user: User, folder: str) -> list["Found"]:
        with self.imap(user) as imap:
            if int(imap.select(folder, readonly=True)[1][0] or 0) == 0:
                return []
            _, lines = imap.fetch("1:*", "(UID X-GUID)")
        return [Found.read(line) for line in lines if isinstance(line, bytes)]

    def move(self, user: User, source: str, target: str, uids: Iterable[int]) -> None:
        with self.imap(user) as imap:
            imap.select(source)
            assert imap.uid("MOVE", ",".join(map(str, uids)), target)[0] == "OK"

    # --- the trainer -------------------------------------------------------------------------

    def train(self, user: User) -> Any:  # noqa: ANN401 - parsed JSON
        """Train by the command line; return what it says of the user."""
        done = self.run("train", user.address, "--json")
        (found,) = json.loads(done.stdout)["users"]
        return found

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command that may take its time, where many tests share a machine."""
        argv = [*self.stack.throwaway.command, *arguments]
        return subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)

    def ask(self, service: str, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
        """Ask a service of the stack by HTTP, with the stack's token."""
        port = STACK.service(service).port("http").number + self.stack.throwaway.offset
        token = (self.stack.state / "secure" / "api.token").read_text().strip()
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            headers = {"Authorization": f"Bearer {token}"}
            connection.request(method, path, json.dumps(body or {}), headers)
            answer = connection.getresponse()
            assert answer.status < 300, answer.read()
            return json.loads(answer.read())

    def known(self, user: User) -> tuple[int, int]:
        """Return how many ham and spam messages the user's database knows."""
        found = self.ask("spamkeeper", "GET", f"/users/{key_of(user)}")
        return found["nham"], found["nspam"]

    def noted(self, user: User) -> int:
        """Return how many messages the ledger has of the user."""
        ledger = self.stack.state / "data" / "trainer" / "ledger" / "ledger.sqlite"
        with closing(sqlite3.connect(ledger)) as db:
            key = (key_of(user),)
            return int(db.execute("SELECT count(*) FROM lesson WHERE user = ?", key).fetchone()[0])

    def until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not true():
            assert time.monotonic() < deadline, f"never: {what}"
            time.sleep(0.05)

    def in_background(self, user: User) -> threading.Thread:
        thread = threading.Thread(target=self.run, args=("train", user.address))
        thread.start()
        return thread


@dataclass(frozen=True)
class Found:
    """A message in a folder."""

    uid: int
    held_out: bool

    @classmethod
    def read(cls, line: bytes) -> "Found":
        words = line.replace(b"(", b"").replace(b")", b"").split()
        uid, guid = int(words[words.index(b"UID") + 1]), words[words.index(b"X-GUID") + 1]
        return cls(uid, Listed(uid, guid, 0, 0, frozenset()).held_out)


def key_of(user: User) -> str:
    return spam_key(Address(user.address))


@pytest.fixture
def training(stack: Stack) -> Training:
    """The shared stack, with what a trainer's test needs."""
    return Training(stack)


def test_one_users_training_is_nobody_elses(training: Training) -> None:
    """The same message goes to Spam for who calls such mail spam, and to the Inbox for others."""
    stack = training.stack
    anna, ben = stack.user(), stack.user()
    for user in (anna, ben):
        stack.cli("spam", "set", user.address, "--threshold", "3")
    corpus = Corpus(anna.address, "gardener")
    training.put_until(anna, "INBOX", corpus.ham(200), 40)
    training.put_until(anna, "Spam", corpus.spam(200), 40)
    hold_out(training, anna, corpus.quiet(500), 5)
    report = training.train(anna)
    assert report["own_bayes"]
    assert report["false_positives"] == 0
    assert report["recall"] > report["recall_without"]

    subject = stack.fresh("an offer ")
    octets = offer(subject)
    stack.send(anna.address, octets=octets, more_recipients=[ben.address])
    assert stack.delivered(anna, subject, "Spam")
    assert stack.delivered(ben, subject, "INBOX")


def hold_out(training: Training, user: User, quiet: Iterator[bytes], wanted: int) -> None:
    """Put quiet spam until ``wanted`` of it is held out, for it shows what training is worth."""
    wanted += training.count(user, "Spam")[1]
    while training.count(user, "Spam")[1] < wanted:
        training.put(user, "Spam", itertools.islice(quiet, 5))


def offer(subject: str) -> bytes:
    """Write quiet spam of today, such as nobody has been sent before."""
    (octets,) = Corpus("both@example.net", "gardener", seed=7).quiet(1)
    letter = message_from_bytes(octets, policy=SMTP)
    del letter["Received"]
    letter.replace_header("Subject", subject)
    letter.replace_header("Date", format_datetime(localtime()))
    return letter.as_bytes()


def test_learning_once_and_anew(training: Training) -> None:
    """A second run learns nothing; a message that moved is learnt as the other, also at once."""
    user = training.stack.user()
    corpus = Corpus(user.address, "engineer")
    training.put_until(user, "INBOX", corpus.ham(50), 3)
    training.put_until(user, "Spam", corpus.spam(50), 2)
    first, second = training.train(user), training.train(user)
    assert (first["learned_ham"], first["learned_spam"]) == (3, 2)
    assert (second["learned_ham"], second["learned_spam"]) == (0, 0)
    ham = [one.uid for one in training.listed(user, "INBOX") if not one.held_out]
    training.move(user, "INBOX", "Spam", ham[:1])
    training.until(lambda: training.known(user) == (2, 3), "the move is learnt")
    night = training.train(user)
    assert (night["learned_ham"], night["learned_spam"], night["undone"]) == (0, 0, False)
    assert training.noted(user) == 5


@pytest.mark.parametrize("victim", ["trainer", "spamd", "dovecot"])
def test_killed_while_it_learns(training: Training, victim: str) -> None:
    """Whichever is killed, every message is learnt, and none twice."""
    user = training.stack.user()
    corpus = Corpus(user.address, "engineer")
    training.put_until(user, "INBOX", corpus.ham(200), 30)
    running = training.in_background(user)
    training.until(lambda: training.known(user)[0] >= 5, "it has begun to learn")
    training.stack.kill(victim)
    running.join(TIMEOUT_S)
    assert not running.is_alive()
    training.until(lambda: training.stack.status()["healthy"], "all is healthy again")
    report = training.train(user)
    assert report["failed"] is None
    assert training.known(user) == (30, 0)
    assert training.noted(user) == 30
    assert training.train(user)["learned_ham"] == 0


def test_a_poisoned_run_is_undone(training: Training) -> None:
    """Ham that was put into Spam must not hide more of it: the run is taken back, and said."""
    stack, user = training.stack, training.stack.user()
    stack.cli("spam", "set", user.address, "--threshold", "3")
    garden, turbine = Corpus(user.address, "gardener"), Corpus(user.address, "engineer")
    letters = garden.ham(1000)
    training.put_until(user, "INBOX", letters, 25)
    while training.count(user, "INBOX")[1] < 3:
        training.put(user, "INBOX", itertools.islice(letters, 5))
    taught = [one.uid for one in training.listed(user, "INBOX") if not one.held_out]
    training.put_until(user, "INBOX", turbine.ham(100), len(taught) + 25)
    training.put_until(user, "Spam", garden.spam(100), 25)
    assert not training.train(user)["undone"]
    good = training.known(user), training.noted(user)

    training.move(user, "INBOX", "Spam", taught)
    training.put_until(user, "Spam", letters, 25 + len(taught) + 30)
    report = training.train(user)
    assert report["undone"]
    assert report["false_positives"] > report["false_positives_before"]
    assert (training.known(user), training.noted(user)) == good
    assert record(training, user)["runs"][-1]["undone"]


def record(training: Training, user: User) -> Any:  # noqa: ANN401 - parsed JSON
    """Return what the datastore keeps of the user's training."""
    lines = training.stack.cli("export").splitlines()
    found = (json.loads(line) for line in lines)
    return next(
        one for one in found if (one["type"], one.get("owner")) == ("training", user.address)
    )


def test_a_mailbox_in_use(training: Training) -> None:
    """Reading leaves no trace: what was unread stays so, and sessions of the user go on."""
    user = training.stack.user()
    corpus = Corpus(user.address, "engineer")
    training.put_until(user, "INBOX", corpus.ham(100), 10)
    with training.imap(user) as imap:
        imap.select("Spam")
        running = training.in_background(user)
        for octets in corpus.spam(20):
            assert imap.append("Spam", "", "", octets)[0] == "OK"
            assert imap.noop()[0] == "OK"
        running.join(TIMEOUT_S)
        assert imap.search(None, "SEEN")[1] == [b""]
        assert len(imap.search(None, "ALL")[1][0].split()) == 20
    assert training.train(user)["failed"] is None


def test_messages_that_cannot_be_learnt(training: Training) -> None:
    """A huge message, one that is damaged on disk: skipped and counted, the others are learnt."""
    user = training.stack.user()
    corpus = Corpus(user.address, "engineer")
    training.put_until(user, "Spam", corpus.spam(50), 4)
    damaged = damage_one(training, user)
    huge = next(corpus.spam(1)) + b"x" * 76 * 20_000
    training.put(user, "Spam", [huge])
    report = training.train(user)
    assert report["failed"] is None
    assert report["skipped_large"] == 1
    assert report["skipped_broken"] == 1
    assert report["learned_spam"] == 4 - (not damaged.held_out)


def damage_one(training: Training, user: User) -> Found:
    """Replace what is on disk of the newest message by something that cannot be unpacked."""
    name, domain = user.address.split("@")
    spam = training.stack.state / "data" / "dovecot" / "mail" / domain / name / "Maildir" / "Spam"
    files = sorted((*spam.glob("cur/*"), *spam.glob("new/*")), key=os.path.getmtime)
    files[-1].write_bytes(b"\x28\xb5\x2f\xfd" + b"no frame of zstd " * 20)
    return training.listed(user, "Spam")[-1]


def test_a_user_who_is_removed_leaves_no_data(training: Training) -> None:
    """Database, preferences, ledger and record go with the user."""
    stack, user = training.stack, training.stack.user()
    training.put_until(user, "INBOX", Corpus(user.address, "engineer").ham(50), 2)
    training.train(user)
    key = key_of(user)
    users = stack.state / "data" / "spamd" / "users"
    assert (users / training_profile(key)).exists()
    stack.cli("user", "remove", user.address, "--yes")
    training.until(lambda: not training.noted(user), "the ledger forgets")
    training.until(lambda: not list(users.glob(f"{key}*")), "the keeper forgets")


def test_a_user_who_is_not_there(training: Training) -> None:
    """A name that is misspelt is an error of one line."""
    done = training.run("train", "nobody@home.example")
    assert done.returncode == 1
    assert "nobody@home.example: there is no such user" in done.stderr
