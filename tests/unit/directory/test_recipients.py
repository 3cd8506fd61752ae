"""Who takes mail for an address: ``domain``, ``mailbox`` and ``alias``."""

import pytest
from tests.unit.directory.conftest import OWNER, Fill
from tests.unit.store.samples import alias, domain, user

from mailstack.directory import Directory
from mailstack.model.documents import Key
from mailstack.outcome import Found, NotFound, Unavailable
from mailstack.store.sqlite import SqliteStore


async def test_domain(directory: Directory, fill: Fill) -> None:
    """A hosted domain is found in any case and script; a disabled or foreign one is not."""
    await fill(domain("off.example", enabled=False), domain("xn--bcher-kva.example"))
    assert directory.domain("Example.ORG") == Found("example.org")
    assert directory.domain("bücher.example") == Found("xn--bcher-kva.example")
    for name in ("off.example", "example.net", "", "sub.example.org", "ann@example.org", "ü"):
        assert directory.domain(name) == NotFound()


@pytest.mark.parametrize("address", ["ann@example.org", "Ann@Example.Org", "ann+list@example.org"])
async def test_deliver_existing(directory: Directory, address: str) -> None:
    """A user's mailbox takes mail in mixed case and with a tag, and is no alias."""
    assert directory.mailbox(address) == Found("ann@example.org")
    assert directory.alias(address) == NotFound()


@pytest.mark.parametrize(
    "address",
    [
        "nobody@example.org",
        "ann@example.net",
        "@example.org",
        "ann",
        "",
        "a@b@c",
        "ann@",
        "+a@",
        "ß",
    ],
)
async def test_unknown(directory: Directory, address: str) -> None:
    """What nobody takes is not found, whatever it looks like."""
    assert directory.mailbox(address) == NotFound()
    assert directory.alias(address) == NotFound()
    assert directory.senders(address) == NotFound()


async def test_alias_chain_ends_at_mailboxes_and_outside(directory: Directory, fill: Fill) -> None:
    """An alias is followed to its ends, each of which appears once."""
    await fill(
        alias("team@example.org", "ann@example.org", "all@example.org", "x@example.net"),
        alias("all@example.org", "owner@example.org", "ann@example.org", "x@example.net"),
    )
    expected = ("ann@example.org", "owner@example.org", "x@example.net")
    assert directory.alias("team@example.org") == Found(expected)
    assert directory.mailbox("team@example.org") == NotFound()


async def test_alias_plus_tag(directory: Directory, fill: Fill) -> None:
    """The tag goes on to targets that have none of their own."""
    await fill(alias("info@example.org", "ann@example.org", "x@example.net", "owner+i@example.org"))
    expected = ("ann+a+b@example.org", "x+a+b@example.net", "owner+i@example.org")
    assert directory.alias("info+a+b@example.org") == Found(expected)
    assert directory.mailbox("ann+a+b@example.org") == Found("ann@example.org")


async def test_longest_match_first(directory: Directory, fill: Fill) -> None:
    """Exact address, then without the tag, then the catch-all."""
    await fill(
        alias("ann+shop@example.org", "x@example.net"), alias("@example.org", "y@example.net")
    )
    assert directory.alias("ann+shop@example.org") == Found(("x@example.net",))
    assert directory.alias("ann+other@example.org") == NotFound()
    assert directory.mailbox("ann+other@example.org") == Found("ann@example.org")
    assert directory.alias("nobody+shop@example.org") == Found(("y@example.net",))


async def test_catchall_vs_user(directory: Directory, fill: Fill) -> None:
    """A catch-all takes only what no user and no alias takes."""
    await fill(alias("@example.org", "ann@example.org"), alias("info@example.org", OWNER))
    assert directory.alias("typo@example.org") == Found(("ann@example.org",))
    assert directory.alias("ann@example.org") == NotFound()
    assert directory.alias("info@example.org") == Found((OWNER,))
    assert directory.alias("x@sub.example.org") == NotFound()


async def test_catchall_takes_targets_of_aliases(directory: Directory, fill: Fill) -> None:
    """A target that only a catch-all takes goes where mail for it would go."""
    await fill(domain("b.example"), alias("@b.example", "x@example.net"))
    await fill(alias("info@example.org", "sales@b.example"))
    assert directory.alias("info@example.org") == Found(("x@example.net",))


async def test_keeping_a_copy(directory: Directory, fill: Fill) -> None:
    """A user whose alias names the user's own address keeps a copy; without, all goes on."""
    await fill(alias("ann@example.org", "ann+kept@example.org", "x@example.net"))
    assert directory.alias("ann@example.org") == Found(("ann+kept@example.org", "x@example.net"))
    assert directory.mailbox("ann@example.org") == Found("ann@example.org")
    await fill(alias("ann@example.org", "x@example.net"))
    assert directory.mailbox("ann@example.org") == NotFound()
    assert directory.alias("ann@example.org") == Found(("x@example.net",))


async def test_disabled_user(directory: Directory, fill: Fill) -> None:
    """Mail for a disabled user is refused, and does not fall into the catch-all."""
    await fill(user("ann@example.org", enabled=False), alias("@example.org", OWNER))
    for address in ("ann@example.org", "ann+tag@example.org"):
        assert directory.mailbox(address) == NotFound()
        assert directory.alias(address) == NotFound()


async def test_successor_of_a_disabled_user(directory: Directory, fill: Fill) -> None:
    """An alias of the same address sends the mail on, without the mailbox that is closed."""
    await fill(user("ann@example.org", enabled=False))
    await fill(alias("ann@example.org", "ann@example.org", OWNER))
    assert directory.alias("ann@example.org") == Found((OWNER,))
    assert directory.mailbox("ann@example.org") == NotFound()


async def test_alias_without_anybody_is_unknown(
    directory: Directory, fill: Fill, store: SqliteStore
) -> None:
    """If no target takes mail, the sender learns it at once instead of by a bounce."""
    await fill(alias("team@example.org", "ann@example.org", "gone@example.org"))
    assert directory.alias("team@example.org") == Found(("ann@example.org",))
    await store.remove(Key("user", "ann@example.org"))
    assert directory.alias("team@example.org") == NotFound()


async def test_disabled_domain(directory: Directory, fill: Fill) -> None:
    """Nothing is taken for a disabled domain, and no alias leads into it."""
    await fill(domain("b.example"), user("bob@b.example"), alias("@b.example", OWNER))
    await fill(alias("bob@example.org", "bob@b.example", OWNER))
    await fill(domain("b.example", enabled=False))
    for address in ("bob@b.example", "postmaster@b.example", "x@b.example"):
        assert directory.mailbox(address) == NotFound()
        assert directory.alias(address) == NotFound()
    assert directory.alias("bob@example.org") == Found((OWNER,))


class TestRoles:
    @pytest.mark.parametrize("role", ["postmaster", "abuse", "Postmaster", "abuse+x"])
    async def test_owner_gets_them(self, directory: Directory, fill: Fill, role: str) -> None:
        """Every domain has postmaster@ and abuse@, and they go before the catch-all."""
        await fill(domain("b.example"), alias("@b.example", "x@example.net"))
        assert directory.alias(f"{role}@b.example") == Found((OWNER,))

    async def test_alias_goes_first(self, directory: Directory, fill: Fill) -> None:
        """Who set an alias for postmaster@ gets that."""
        await fill(alias("postmaster@example.org", "ann@example.org"))
        assert directory.alias("postmaster@example.org") == Found(("ann@example.org",))
        assert directory.alias("abuse@example.org") == Found((OWNER,))

    async def test_user_goes_first(self, directory: Directory, fill: Fill) -> None:
        """A user named postmaster gets the mail, until disabled: then the owner does."""
        await fill(user("postmaster@example.org"))
        assert directory.mailbox("postmaster@example.org") == Found("postmaster@example.org")
        assert directory.alias("postmaster@example.org") == NotFound()
        await fill(user("postmaster@example.org", enabled=False))
        assert directory.alias("postmaster@example.org") == Found((OWNER,))

    async def test_dead_alias_falls_to_the_owner(self, directory: Directory, fill: Fill) -> None:
        """An alias that leads to nobody does not make postmaster@ unreachable."""
        await fill(alias("postmaster@example.org", "gone@example.org"))
        assert directory.alias("postmaster@example.org") == Found((OWNER,))

    @pytest.mark.parametrize("owner", ["nobody@example.org", "postmaster@example.org"])
    async def test_owner_without_mailbox(self, store: SqliteStore, owner: str) -> None:
        """While the owner has no mailbox, postmaster@ is deferred, not refused."""
        directory = Directory(store, delimiter="+", owner_email=owner)
        assert isinstance(directory.alias("postmaster@example.org"), Unavailable)

    async def test_owner_outside(self, store: SqliteStore) -> None:
        """The owner may read mail elsewhere."""
        directory = Directory(store, delimiter="+", owner_email="me@example.net")
        assert directory.alias("abuse@example.org") == Found(("me@example.net",))
        assert directory.senders("abuse@example.org") == NotFound()


async def test_other_delimiter(store: SqliteStore) -> None:
    """The delimiter is a setting."""
    directory = Directory(store, delimiter="-", owner_email=OWNER)
    assert directory.mailbox("ann-x-y@example.org") == Found("ann@example.org")
    assert directory.mailbox("ann+x@example.org") == NotFound()


async def test_utf8_localpart_and_idn_domain(directory: Directory, fill: Fill) -> None:
    """Unicode addresses are found in any normal form and case, the domain in either spelling."""
    await fill(domain("bücher.example"), alias("ÜBER@bücher.example", "ann@example.org"))
    for address in ("über@bücher.example", "U\u0308ber@xn--bcher-kva.example"):
        assert directory.alias(address) == Found(("ann@example.org",))


async def test_utf8_tag(directory: Directory, fill: Fill) -> None:
    """Dovecot takes no such tag: a mailbox is not reached by it, and an alias leads on without."""
    await fill(alias("team@example.org", "ann@example.org"))
    assert directory.mailbox("ann+größe@example.org") == NotFound()
    assert directory.alias("team+größe@example.org") == Found(("ann@example.org",))


async def test_a_group_grown_too_large_is_deferred(directory: Directory, fill: Fill) -> None:
    """Through another alias a group can pass the limit; its mail waits, and is not lost."""
    await fill(alias("one@example.org", *members("one", 100)))
    await fill(alias("two@example.org", *members("two", 600)))
    await fill(alias("all@example.org", "one@example.org", "two@example.org"))
    assert isinstance(directory.alias("all@example.org"), Found)
    await fill(alias("one@example.org", *members("one", 600)))
    assert isinstance(directory.alias("all@example.org"), Unavailable)
    assert isinstance(directory.alias("one@example.org"), Found)


def members(name: str, number: int) -> list[str]:
    return [f"{name}{n}@example.net" for n in range(number)]
