"""Whatever is written and removed in whatever order: no alias ever leads back to itself."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.store.samples import alias, domain, user

from mailstack.directory import Directory
from mailstack.errors import MailstackError
from mailstack.model.addresses import split_address, without_tag
from mailstack.model.documents import Document, Key
from mailstack.model.expansion import MAX_CHAIN, Expansion
from mailstack.model.routing import route
from mailstack.outcome import Found, NotFound
from mailstack.store.sqlite import SqliteStore

NAMES = ["a", "b", "c", "d", "a+x", "b+y"]
DOMAINS = ["one.example", "two.example"]
ADDRESSES = [f"{name}@{where}" for where in DOMAINS for name in NAMES]
CATCH_ALLS = [f"@{where}" for where in DOMAINS]

targets = st.lists(
    st.sampled_from([*ADDRESSES, "x@outside.example"]), min_size=2, max_size=3, unique=True
)
aliases = st.builds(
    lambda address, chosen: alias(address, *chosen),
    st.sampled_from(ADDRESSES + CATCH_ALLS),
    st.lists(
        st.sampled_from([*ADDRESSES, "x@outside.example"]), min_size=2, max_size=3, unique=True
    ),
)
users = st.builds(user, st.sampled_from([a for a in ADDRESSES if "+" not in a]))
removals = st.builds(
    Key,
    st.sampled_from(["user", "alias"]),
    st.sampled_from(ADDRESSES + CATCH_ALLS),
)
steps = st.lists(aliases | users | removals, min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_no_accepted_write_yields_a_loop(taken: list[Document | Key]) -> None:
    """After every step, each address has ends or none, within the limit of a chain."""
    with TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), taken))


async def play(folder: Path, taken: list[Document | Key]) -> None:
    async with SqliteStore(folder / "store.db", create=True) as store:
        for name in DOMAINS:
            await store.put(domain(name))
        for step in taken:
            await do(store, step)
            check(store)


async def do(store: SqliteStore, step: Document | Key) -> None:
    try:
        if isinstance(step, Key):
            await store.remove(step)
        else:
            await store.put(step)
    except MailstackError:
        pass  # a refusal is right as long as nothing was written, which `check` sees


def check(store: SqliteStore) -> None:
    directory = Directory(store, delimiter="+", owner_email="me@outside.example")
    for address in [*ADDRESSES, "nobody@one.example", "nobody@two.example", "a+z@one.example"]:
        local, name = split_address(address)
        base = without_tag(local, "+")
        found = route(store.entries(name, local, base), local, base)
        if found.targets:
            walk = Expansion(store.entries, "+")
            walk.follow(name, found)
            assert not walk.loop
            assert walk.height <= MAX_CHAIN
        ask_as_postfix(directory, address)


def ask_as_postfix(directory: Directory, address: str, depth: int = 0) -> None:
    """Ask again for each answer, as its cleanup(8) does, until an address answers itself."""
    assert depth < 3, "our answers are ends: asking again must not lead on and on"
    match directory.alias(address):
        case Found(targets):
            for target in targets:
                if target != address:
                    ask_as_postfix(directory, target, depth + 1)
        case NotFound() if depth and not address.endswith("@outside.example"):
            assert isinstance(directory.mailbox(address), Found)
        case answer:
            assert isinstance(answer, NotFound)
