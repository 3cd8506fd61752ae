"""What any store must do (store/contract.py). A new store adds its factory and passes unchanged."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from tests.unit.store.samples import alias, domain, reports, script, spam, training, user

from mailstack.errors import (
    DocumentExists,
    DocumentMissing,
    InvalidDocument,
    RevisionConflict,
    WriteRefused,
)
from mailstack.model.documents import KINDS, Document, Key, script_key
from mailstack.model.expansion import MAX_CHAIN
from mailstack.store.contract import Change, Put, Remove, Store
from mailstack.store.sqlite import SqliteStore

Factory = Callable[[Path], AbstractAsyncContextManager[Store]]

FACTORIES: dict[str, Factory] = {
    "sqlite": lambda folder: SqliteStore(folder / "store.db", create=True),
}


@pytest.fixture(params=FACTORIES)
def factory(request: pytest.FixtureRequest) -> Factory:
    return FACTORIES[request.param]


@pytest.fixture
async def store(factory: Factory, tmp_path: Path) -> AsyncIterator[Store]:
    async with factory(tmp_path) as opened:
        yield opened


async def fill(store: Store, *documents: Document) -> None:
    await store.apply([Put(document) for document in documents])


async def following(feed: AsyncIterator[list[Change]]) -> list[Change]:
    return await anext(feed)


def keys(store: Store) -> list[Key]:
    return [stored.document.key for stored in store.documents()]


class TestRevisions:
    async def test_reads_back_what_was_written(self, store: Store) -> None:
        """Every kind of document comes back as it was, with the revision put returned."""
        written: list[Document] = [
            domain(enabled=False),
            user("ann@example.org", quota=5, enabled=False),
            alias("info@example.org", "ann@example.org", "x@example.net"),
            script("ann@example.org", "größe", "keep; # é\r\n", active=True),
            spam("ann@example.org", threshold=4, allow=["*@a.example"], languages=["de", "en"]),
            training("ann@example.org", own_bayes=True, runs=2),
            reports("example.org", 3),
        ]
        for document in written:
            revision = await store.put(document, None)
            assert store.get(document.key) == (document, revision)

    async def test_none_expects_that_it_is_not_there(self, store: Store) -> None:
        """A second document of the same name is refused, and the first one stays."""
        await fill(store, domain(), user("ann@example.org"))
        with pytest.raises(DocumentExists, match=r"user ann@example\.org exists already"):
            await store.put(user("ann@example.org", quota=1), None)
        assert store.get(Key("user", "ann@example.org")).document == user("ann@example.org")

    async def test_a_revision_must_be_the_stored_one(self, store: Store) -> None:
        """Of two who read the same revision only the first may write."""
        revision = await store.put(domain())
        await store.put(domain(enabled=False), revision)
        with pytest.raises(RevisionConflict):
            await store.put(domain(), revision)
        with pytest.raises(RevisionConflict):
            await store.remove(Key("domain", "example.org"), revision)

    async def test_a_revision_expects_that_it_is_there(self, store: Store) -> None:
        """Writing to, reading or removing what is not there says so."""
        with pytest.raises(DocumentMissing):
            await store.put(domain(), "1")
        with pytest.raises(DocumentMissing):
            await store.remove(Key("domain", "example.org"))
        with pytest.raises(DocumentMissing):
            store.get(script_key("ann@example.org", "main"))

    async def test_a_revision_never_comes_back(self, store: Store) -> None:
        """Removing and making anew gives a revision that was not there before."""
        first = await store.put(domain())
        await store.remove(Key("domain", "example.org"))
        assert await store.put(domain()) != first


class TestRules:
    async def test_a_domain_must_be_hosted(self, store: Store) -> None:
        """Whatever belongs to a foreign domain is refused, with the command to type."""
        for document in (user("a@b.example"), alias("@b.example", "x@y.example")):
            with pytest.raises(InvalidDocument, match=r"mailstack domain add b\.example"):
                await store.put(document)

    async def test_a_belonging_has_an_owner(self, store: Store) -> None:
        """A script, spam profile or training record without its user is refused."""
        await fill(store, domain())
        owner = "ann@example.org"
        for document in (script(owner), spam(owner), training(owner)):
            with pytest.raises(InvalidDocument, match=r"no user ann@example\.org"):
                await store.put(document)

    async def test_what_a_domain_has_goes_with_it(self, store: Store) -> None:
        """Reports about a domain need it, and do not keep it."""
        with pytest.raises(InvalidDocument, match=r"mailstack domain add example\.org"):
            await store.put(reports())
        await fill(store, domain(), reports())
        await store.remove(domain().key)
        assert store.count("reports") == 0

    async def test_a_user_must_be_reachable(self, store: Store) -> None:
        """A name that holds the delimiter could never get mail."""
        await fill(store, domain())
        with pytest.raises(InvalidDocument, match="begins a tag"):
            await store.put(user("ann+work@example.org"))

    async def test_user_and_alias_may_share_an_address(self, store: Store) -> None:
        """An alias that names its own address is how people keep a copy."""
        await fill(store, domain(), user("ann@example.org"))
        await store.put(alias("ann@example.org", "ann@example.org", "bob@example.net"), None)
        assert store.count("user") == store.count("alias") == 1

    @pytest.mark.parametrize(
        "aliases",
        [
            {"a@example.org": "b@example.org", "b@example.org": "a@example.org"},
            {"a@example.org": "b+t@example.org", "b@example.org": "a@example.org"},
            {"a@example.org": "nobody@example.org", "@example.org": "a@example.org"},
            {
                "a@example.org": "b@example.org",
                "b@example.org": "c@example.org",
                "c@example.org": "a+x@example.org",
            },
        ],
    )
    async def test_loops_are_refused(self, store: Store, aliases: dict[str, str]) -> None:
        """The alias that closes the loop is refused; so is the whole in one batch."""
        documents = [alias(address, target) for address, target in aliases.items()]
        await fill(store, domain(), *documents[:-1])
        with pytest.raises(InvalidDocument, match="loop"):
            await store.put(documents[-1])
        for document in documents[:-1]:
            await store.remove(document.key)
        with pytest.raises(WriteRefused, match="loop"):
            await fill(store, *documents)
        assert store.count("alias") == 0

    async def test_a_removal_may_not_close_a_loop(self, store: Store) -> None:
        """With the user gone, the target would fall to the catch-all, and come back."""
        await fill(
            store,
            domain(),
            user("ann@example.org"),
            alias("info@example.org", "ann@example.org"),
            alias("@example.org", "info@example.org"),
        )
        with pytest.raises(InvalidDocument, match="loop"):
            await store.remove(Key("user", "ann@example.org"))
        assert store.get(Key("user", "ann@example.org"))

    async def test_long_chains_are_refused_at_either_end(self, store: Store) -> None:
        """A chain has its limit, whether it grows at its beginning or at its end."""
        await fill(store, domain())
        links = [alias(f"a{n}@example.org", f"a{n + 1}@example.org") for n in range(MAX_CHAIN)]
        await fill(store, *links)
        with pytest.raises(InvalidDocument, match="chain"):
            await store.put(alias("first@example.org", "a0@example.org"))
        with pytest.raises(InvalidDocument, match="chain"):
            await store.put(alias(f"a{MAX_CHAIN}@example.org", "x@example.net"))

    async def test_one_script_is_active(self, store: Store) -> None:
        """Activating a script deactivates the other one, which gets a new revision."""
        await fill(store, domain(), user("ann@example.org"))
        first = await store.put(script("ann@example.org", "one", active=True))
        await store.put(script("ann@example.org", "two", active=True))
        former = store.get(script_key("ann@example.org", "one"))
        assert former.document == script("ann@example.org", "one", active=False)
        assert former.revision != first
        assert [(s.name, s.active) for s in store.scripts("ann@example.org")] == [
            ("one", False),
            ("two", True),
        ]

    async def test_belongings_go_with_their_user(self, store: Store) -> None:
        """Removing a user leaves nothing of theirs behind, and the feed says so."""
        ann = "ann@example.org"
        await fill(store, domain(), user(ann), script(ann), spam(ann), training(ann))
        await fill(store, user("anna@example.org"), spam("anna@example.org"))
        before = store.position()
        await store.remove(Key("user", ann))
        assert [store.count(kind) for kind in ("sieve", "spam", "training")] == [0, 1, 0]
        assert {(c.key, c.revision) for c in store.changes(before)} == {
            (script_key(ann, "main"), None),
            (Key("spam", ann), None),
            (Key("training", ann), None),
            (Key("user", ann), None),
        }

    async def test_the_default_script_of_a_domain(self, store: Store) -> None:
        """It needs its domain and no user, is one active at most, and goes with the domain."""
        with pytest.raises(InvalidDocument, match=r"no domain example\.org"):
            await store.put(script("@example.org"))
        await fill(store, domain(), script("@example.org", "one", active=True))
        await fill(store, script("@example.org", "two", active=True))
        assert [(s.name, s.active) for s in store.scripts("@example.org")] == [
            ("one", False),
            ("two", True),
        ]
        (_, two) = store.scripts("@example.org")
        assert store.script_text("@example.org", two.id) is not None
        page = store.page("sieve", within="@example.org")
        assert [stored.document.key for stored in page] == [
            script_key("@example.org", name) for name in ("one", "two")
        ]
        await store.remove(Key("domain", "example.org"))
        assert [store.count(kind) for kind in KINDS] == [0] * len(KINDS)
        assert store.scripts("@example.org") == []

    async def test_a_domain_in_use_stays(self, store: Store) -> None:
        """A domain with users goes only together with them."""
        await fill(store, domain(), user("ann@example.org"), script("ann@example.org"))
        await fill(store, spam("ann@example.org"))
        await fill(store, alias("@example.org", "x@example.net"), domain("other.example"))
        with pytest.raises(InvalidDocument, match="still has users"):
            await store.remove(Key("domain", "example.org"))
        await store.remove(Key("domain", "example.org"), recursive=True)
        assert keys(store) == [Key("domain", "other.example")]
        assert [store.count(kind) for kind in KINDS] == [1, *[0] * (len(KINDS) - 1)]


class TestBatches:
    async def test_all_or_nothing(self, store: Store) -> None:
        """One bad document: none of the batch is written, and the error names its number."""
        writes = [Put(domain()), Put(user("ann@example.org")), Put(user("ann@b.example"))]
        with pytest.raises(WriteRefused, match=r"domain b\.example") as refused:
            await store.apply(writes)
        assert refused.value.number == 2
        assert keys(store) == []
        assert store.position() == 0

    async def test_the_order_within_a_batch_is_free(self, store: Store) -> None:
        """A script may come before its user, and the user before the domain."""
        documents: list[Document] = [script("ann@example.org"), user("ann@example.org"), domain()]
        await fill(store, *documents)
        assert len(keys(store)) == 3

    async def test_rename_alias_atomic(self, store: Store) -> None:
        """An alias moves in one step, also where the new one would not fit beside the old one."""
        await fill(store, domain(), alias("a@example.org", "b@example.org"))
        moved = Put(alias("b@example.org", "a@example.org"), None)
        await store.apply([moved, Remove(Key("alias", "a@example.org"))])
        assert keys(store)[1:] == [Key("alias", "b@example.org")]

    async def test_replacing_keeps_everybody_reachable(self, store: Store) -> None:
        """New documents go over the old ones before what is left of these goes."""
        await fill(
            store,
            *(domain(), domain("old.example"), user("ann@example.org"), user("bob@old.example")),
            alias("a@example.org", "b@example.org"),
        )
        before = store.position()
        new: list[Document] = [
            domain(),
            user("ann@example.org"),
            alias("b@example.org", "a@example.org"),
        ]
        await store.apply([Put(document) for document in new], replacing=before)
        assert store.get(Key("user", "ann@example.org"))
        assert await store.remove_unchanged(before) == 3
        assert keys(store) == [document.key for document in new]

    async def test_replacing_removes_belongings_first(self, store: Store) -> None:
        """What a user had and the new documents do not have goes, with or without the user."""
        ann, bob = "ann@example.org", "bob@example.org"
        await fill(store, domain(), user(ann), spam(ann, threshold=3), training(ann))
        await fill(store, user(bob), spam(bob))
        before = store.position()
        kept: list[Document] = [domain(), user(ann), spam(ann, threshold=4)]
        await store.apply([Put(document) for document in kept], replacing=before)
        assert await store.remove_unchanged(before) == 3
        assert [stored.document for stored in store.documents()] == kept

    async def test_replacing_does_not_lean_on_what_goes(self, store: Store) -> None:
        """A user whose domain is not among the new documents is refused."""
        await fill(store, domain())
        with pytest.raises(WriteRefused, match=r"no domain example\.org"):
            await store.apply([Put(user("ann@example.org"))], replacing=store.position())

    async def test_export_imports_again(
        self, store: Store, factory: Factory, tmp_path: Path
    ) -> None:
        """Documents come in an order in which a second store takes them one by one."""
        await fill(
            store,
            *(domain(), domain("b.example"), user("z@b.example"), user("ann@example.org")),
            alias("@b.example", "a@b.example"),
            alias("a@b.example", "z@b.example"),
            script("ann@example.org", active=True),
            script("ann@example.org", "other"),
            spam("z@b.example", block=["*@*.zip"]),
            training("ann@example.org", runs=1),
        )
        (tmp_path / "second").mkdir()
        async with factory(tmp_path / "second") as second:
            for stored in store.documents():
                await second.put(stored.document, None)
            assert [s.document for s in second.documents()] == [
                s.document for s in store.documents()
            ]


class TestPages:
    async def test_pages_go_through_all_in_order(self, store: Store) -> None:
        """Pages of every size list each document once, ordered by domain and local part."""
        names = ["b@a.example", "a@b.example", "b@b.example", "a+b@b.example"]
        await fill(store, domain("a.example"), domain("b.example"))
        await fill(store, *(alias(name, "x@example.net") for name in names))
        expected = ["b@a.example", "a@b.example", "a+b@b.example", "b@b.example"]
        for limit in (1, 2, 10):
            found: list[str] = []
            while page := store.page("alias", after=found[-1] if found else "", limit=limit):
                found += [stored.document.key.name for stored in page]
            assert found == expected
        within = store.page("alias", within="b.example", after="a@b.example")
        assert [stored.document.key.name for stored in within] == expected[2:]

    async def test_pages_of_belongings(self, store: Store) -> None:
        """What users have once is listed by kind, page by page."""
        names = ["ann@a.example", "bob@a.example", "ann@b.example"]
        await fill(store, domain("a.example"), domain("b.example"))
        await fill(store, *map(user, names), *map(spam, names), training(names[0]))
        first = store.page("spam", limit=2)
        rest = store.page("spam", after=first[-1].document.key.name, limit=2)
        assert [stored.document for stored in first + rest] == [spam(name) for name in names]
        assert [s.document for s in store.page("training")] == [training(names[0])]

    async def test_scripts_of_one_owner(self, store: Store) -> None:
        """Scripts are listed by owner, and their text is found by id."""
        await fill(store, domain(), user("ann@example.org"), user("bob@example.org"))
        await fill(store, script("ann@example.org", "a", "stop;"), script("bob@example.org"))
        page = store.page("sieve", within="ann@example.org")
        assert [stored.document for stored in page] == [script("ann@example.org", "a", "stop;")]
        (listed,) = store.scripts("ann@example.org")
        assert store.script_text("ann@example.org", listed.id) == "stop;"
        assert store.script_text("bob@example.org", listed.id) is None
        assert store.script_text("ann@example.org", "nonsense") is None


class TestChanges:
    async def test_each_document_once_at_its_newest_change(self, store: Store) -> None:
        """The feed is ordered, and a document that changed twice is in it once."""
        await fill(store, domain())
        await fill(store, user("ann@example.org"))
        revision = await store.put(domain(enabled=False))
        first, second = store.changes(0)
        assert first.key == Key("user", "ann@example.org")
        assert (second.key, second.revision) == (Key("domain", "example.org"), revision)
        assert store.changes(0, limit=1) == [first]
        assert store.changes(first.position) == [second]
        assert store.changes(second.position) == []
        assert second.position == store.position()

    async def test_since_from_the_future_begins_anew(self, store: Store) -> None:
        """After a backup was put back, followers must not wait for positions that were lost."""
        await fill(store, domain())
        assert store.changes(1000) == store.changes(0)

    async def test_wait_returns_at_once_or_at_the_change_or_at_the_timeout(
        self, store: Store
    ) -> None:
        """A waiter wakes with the change, and sees it."""
        await fill(store, domain())
        position = store.position()
        assert await store.wait_for_change(0, 60) == position
        assert await store.wait_for_change(position, 0) == position
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            waiter = tasks.create_task(store.wait_for_change(position, 60))
            await store.put(user("ann@example.org"))
        assert waiter.result() == store.position() > position

    async def test_subscription_gives_old_then_new(self, store: Store) -> None:
        """A subscriber gets what was, then what comes, without a gap."""
        await fill(store, domain())
        feed = store.subscribe(0)
        async with asyncio.timeout(10):
            (old,) = await anext(feed)
            assert old.key == Key("domain", "example.org")
            async with asyncio.TaskGroup() as tasks:
                new = tasks.create_task(following(feed))
                await store.put(user("ann@example.org"))
        assert [change.key for change in new.result()] == [Key("user", "ann@example.org")]
        await feed.aclose()


class TestWhileInUse:
    async def test_export_is_one_moment(self, store: Store) -> None:
        """What is written while an export runs is not in it."""
        await fill(store, domain(), *(user(f"u{n}@example.org") for n in range(1200)))
        export = iter(store.documents())
        first = next(export)
        await store.put(user("late@example.org"))
        await store.remove(Key("user", "u7@example.org"))
        names = {first.document.key.name} | {s.document.key.name for s in export}
        assert "late@example.org" not in names
        assert "u7@example.org" in names
        assert len(names) == 1201

    async def test_reads_go_on_while_importing(self, store: Store) -> None:
        """A reader sees a batch whole or not at all, and its own writes at once."""
        await fill(store, domain())

        async def load() -> None:
            for batch in range(10):
                await fill(store, *(user(f"u{batch}-{n}@example.org") for n in range(100)))
                assert store.get(Key("user", f"u{batch}-99@example.org"))

        async with asyncio.TaskGroup() as tasks:
            loading = tasks.create_task(load())
            while not loading.done():
                assert store.count("user") % 100 == 0
                await asyncio.sleep(0)
        assert store.count("user") == 1000

    async def test_writers_do_not_lose_each_others_work(self, store: Store) -> None:
        """Writes at once are done one after another: one of two with the same revision wins."""
        revision = await store.put(domain())
        results = await asyncio.gather(
            *(store.put(domain(enabled=bool(n % 2)), revision) for n in range(100)),
            return_exceptions=True,
        )
        assert sum(isinstance(result, str) for result in results) == 1
        assert sum(isinstance(result, RevisionConflict) for result in results) == 99

    async def test_backup_is_whole(self, store: Store, tmp_path: Path) -> None:
        """A backup taken in use opens as a store with the same documents."""
        await fill(store, domain(), user("ann@example.org"))
        before = [stored.document for stored in store.documents()]
        await store.backup(tmp_path / "backup.db")
        await store.put(user("bob@example.org"))
        async with SqliteStore(tmp_path / "backup.db") as copy:
            assert [stored.document for stored in copy.documents()] == before


class TestLookups:
    async def test_credentials_and_logins(self, store: Store) -> None:
        """Those of disabled users and domains are told apart; other kinds have none."""
        await fill(store, domain(), domain("off.example", enabled=False))
        await fill(store, user("ann@example.org", quota=7), user("bob@off.example"))
        await fill(store, user("eve@example.org", enabled=False), user("zoe@example.org"))
        found = store.credentials("example.org", "ann")
        assert found is not None
        assert (found.quota, found.enabled) == (7, True)
        assert store.credentials("example.org", "") is None
        for where in (("off.example", "bob"), ("example.org", "eve")):
            disabled = store.credentials(*where)
            assert disabled is not None
            assert not disabled.enabled
        assert store.logins("", 10) == ["ann@example.org", "zoe@example.org"]
        assert store.logins("ann@example.org", 10) == ["zoe@example.org"]
