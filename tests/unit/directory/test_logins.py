"""Who may log in, send as an address, and which script runs."""

from tests.unit.directory.conftest import OWNER, Fill
from tests.unit.store.samples import HASH, alias, domain, script, user

from mailstack.directory import Directory, Login
from mailstack.model.documents import Key
from mailstack.outcome import Found, NotFound, Unavailable
from mailstack.store.sqlite import SqliteStore


class TestSenders:
    async def test_send_as_alias_ok(self, directory: Directory, fill: Fill) -> None:
        """Who gets an alias's mail, also by way of another one, may send as it."""
        await fill(
            alias("info@example.org", "team@example.org", "x@example.net"),
            alias("team@example.org", "ann@example.org", "owner+team@example.org"),
        )
        assert directory.senders("info@example.org") == Found(("ann@example.org", OWNER))
        assert directory.senders("info+tag@example.org") == Found(("ann@example.org", OWNER))

    async def test_own_addresses(self, directory: Directory) -> None:
        """A user sends as itself, with any tag, and nobody else does."""
        for address in ("ann@example.org", "ANN+x@example.org"):
            assert directory.senders(address) == Found(("ann@example.org",))

    async def test_user_with_alias_of_the_same_address(
        self, directory: Directory, fill: Fill
    ) -> None:
        """Forwarding one's mail does not take the address away."""
        await fill(alias("ann@example.org", "x@example.net"))
        assert directory.senders("ann@example.org") == Found(("ann@example.org",))

    async def test_catchall(self, directory: Directory, fill: Fill) -> None:
        """Who gets a catch-all sends as any address nobody else has."""
        await fill(alias("@example.org", OWNER))
        assert directory.senders("anything@example.org") == Found((OWNER,))
        assert directory.senders("ann@example.org") == Found(("ann@example.org",))

    async def test_roles(self, directory: Directory, fill: Fill) -> None:
        """The owner answers mail to postmaster@; a catch-all's user does not."""
        await fill(alias("@example.org", "ann@example.org"))
        assert directory.senders("postmaster@example.org") == Found((OWNER,))

    async def test_spoof_rejected(self, directory: Directory, fill: Fill) -> None:
        """Disabled users, foreign addresses and aliases to outside have no senders."""
        await fill(user("ann@example.org", enabled=False), alias("a@example.org", "x@example.net"))
        for address in ("ann@example.org", "a@example.org", "x@example.net"):
            assert directory.senders(address) == NotFound()


class TestLogins:
    async def test_passdb(self, directory: Directory, fill: Fill) -> None:
        """A login is found in any case, with hash and quota, and never with a tag."""
        await fill(user("ann@example.org", quota=2**40))
        login = Login("ann@example.org", HASH, 2**40)
        assert directory.passdb("Ann@Example.org") == Found(login)
        assert directory.userdb("ann@example.org") == Found(login)
        for name in ("ann+x@example.org", "ann", "", "@example.org", "nobody@example.org"):
            assert directory.passdb(name) == NotFound()

    async def test_a_login_does_not_show_its_hash(self, directory: Directory) -> None:
        """What is printed or logged has no password hash in it."""
        assert "argon2" not in repr(directory.passdb("ann@example.org"))

    async def test_disabled(self, directory: Directory, fill: Fill) -> None:
        """Neither a disabled user nor a user of a disabled domain may log in."""
        await fill(user("ann@example.org", enabled=False))
        assert directory.passdb("ann@example.org") == NotFound()
        await fill(user("ann@example.org"), domain(enabled=False))
        assert directory.passdb("ann@example.org") == NotFound()
        assert directory.users() == Found(())

    async def test_users_come_in_pages(self, directory: Directory) -> None:
        """Pages end with an empty one."""
        assert directory.users(limit=1) == Found(("ann@example.org",))
        assert directory.users("ann@example.org", 1) == Found((OWNER,))
        assert directory.users(OWNER, 1) == Found(())


class TestSieve:
    async def test_script(self, directory: Directory, fill: Fill) -> None:
        """The active script is found by user, any script by name, the text by id."""
        await fill(script("ann@example.org", "one", "keep;", active=True))
        await fill(script("ann@example.org", "two", "stop;"))
        active = directory.sieve_active("ann@example.org")
        two = directory.sieve_script("ann@example.org", "two")
        assert directory.sieve_script("ann@example.org", "one") == active
        assert isinstance(active, Found)
        assert isinstance(two, Found)
        assert directory.sieve_text("ann@example.org", active.value) == Found("keep;")
        assert directory.sieve_text("ANN@example.org", two.value) == Found("stop;")
        assert directory.sieve_script("ann@example.org", "three") == NotFound()
        assert directory.sieve_active(OWNER) == NotFound()

    async def test_id_changes_with_the_text(self, directory: Directory, fill: Fill) -> None:
        """A changed script has another id, and the old one is asked again rather than missing."""
        await fill(script("ann@example.org", text="keep;", active=True))
        old = directory.sieve_active("ann@example.org")
        await fill(script("ann@example.org", text="stop;", active=True))
        assert isinstance(old, Found)
        assert directory.sieve_active("ann@example.org") != old
        assert isinstance(directory.sieve_text("ann@example.org", old.value), Unavailable)

    async def test_the_default_of_the_domain(self, directory: Directory, fill: Fill) -> None:
        """It runs for those who have no script in force, and for no other domain's users."""
        await fill(script("@example.org", text="keep;", active=True), domain("other.example"))
        await fill(user("ann@other.example"))
        default = directory.sieve_active("ann@example.org")
        assert isinstance(default, Found)
        assert directory.sieve_active("OWNER@example.org") == default
        assert directory.sieve_text("ann@example.org", default.value) == Found("keep;")
        assert directory.sieve_active("ann@other.example") == NotFound()
        assert isinstance(directory.sieve_text("ann@other.example", default.value), Unavailable)
        await fill(script("ann@example.org", text="stop;", active=True))
        own = directory.sieve_active("ann@example.org")
        assert isinstance(own, Found)
        assert directory.sieve_text("ann@example.org", own.value) == Found("stop;")
        await fill(script("ann@example.org", text="stop;"))
        assert directory.sieve_active("ann@example.org") == default
        await fill(script("@example.org", text="keep;"))
        assert directory.sieve_active("ann@example.org") == NotFound()

    async def test_scripts_of_others(
        self, directory: Directory, fill: Fill, store: SqliteStore
    ) -> None:
        """An id opens no other user's script, and a removed user has none."""
        await fill(script("ann@example.org", active=True))
        found = directory.sieve_active("ann@example.org")
        assert isinstance(found, Found)
        assert isinstance(directory.sieve_text(OWNER, found.value), Unavailable)
        await store.remove(Key("user", "ann@example.org"))
        assert directory.sieve_active("ann@example.org") == NotFound()
