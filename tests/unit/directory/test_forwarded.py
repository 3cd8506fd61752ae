"""Whose sender becomes one of ours when mail is forwarded, and who gets a bounce for it."""

import pytest
from tests.unit.directory.conftest import OWNER, Fill
from tests.unit.store.samples import alias, domain

from mailstack.directory import Directory
from mailstack.model.srs import Srs
from mailstack.outcome import Found, NotFound
from mailstack.store.sqlite import SqliteStore

STRANGER = "alice@remote.example"


@pytest.fixture
def directory(store: SqliteStore) -> Directory:
    srs = Srs.derived("secret", "example.org")
    return Directory(store, delimiter="+", owner_email=OWNER, srs=srs)


def rewritten(directory: Directory, sender: str = STRANGER) -> str:
    found = directory.forwarded(sender)
    assert isinstance(found, Found)
    return found.value


def test_a_stranger_comes_back(directory: Directory) -> None:
    """What the port tells Postfix when mail leaves is what it takes when a bounce comes."""
    found = rewritten(directory)
    assert found.endswith("@example.org")
    assert directory.alias(found) == Found((STRANGER,))
    assert directory.mailbox(found) == NotFound()
    assert directory.senders(found) == NotFound()


@pytest.mark.parametrize(
    "sender", ["ann@example.org", "nobody@example.org", "", "<>", "@x.example"]
)
def test_who_keeps_the_sender(directory: Directory, sender: str) -> None:
    """Mail of ours, existing or not, bounces, and what is no address."""
    assert directory.forwarded(sender) == NotFound()


async def test_not_even_a_catch_all_takes_a_forged_one(directory: Directory, fill: Fill) -> None:
    """It would be a way to be answered by us for whomever one likes."""
    await fill(alias("@example.org", "ann@example.org"))
    forged = rewritten(directory).replace("remote.example", "victim.example")
    assert directory.alias(forged) == NotFound()


async def test_of_the_primary_domain_alone(directory: Directory, fill: Fill) -> None:
    """Nobody was told another one."""
    await fill(domain("other.example"))
    other = rewritten(directory).replace("@example.org", "@other.example")
    assert directory.alias(other) == NotFound()


def test_without_a_key_nothing_is_rewritten(store: SqliteStore) -> None:
    """As for who only looks addresses up."""
    plain = Directory(store, delimiter="+", owner_email=OWNER)
    assert plain.forwarded(STRANGER) == NotFound()
    assert plain.alias("SRS0=a=b=c=d@example.org") == NotFound()
