"""One user's documents → that user's folders."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mailstack.errors import DocumentMissing, StoreUnavailable
from mailstack.feed import Changed, Reader
from mailstack.model.addresses import Address
from mailstack.model.spamkey import spam_key
from mailstack.spamkeeper.folders import Users
from mailstack.spamkeeper.metrics import KeeperMetrics
from mailstack.spamkeeper.profiles import Profiles
from mailstack.topology.model import Endpoint

ANNA = "anna@example.org"
KEY = spam_key(Address(ANNA))


class Store(Reader):
    """Documents by path, or an outage."""

    def __init__(self) -> None:
        super().__init__(Endpoint("127.0.0.1", 1), "token")
        self.documents: dict[tuple[str, ...], Mapping[str, Any]] = {("users", ANNA): {}}
        self.down = False

    async def document(self, *segments: str) -> Mapping[str, Any] | None:
        if self.down:
            raise StoreUnavailable("down")
        return self.documents.get(segments)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def profiles(tmp_path: Path, store: Store) -> Profiles:
    users = Users(tmp_path / "users")
    users.prepare()
    return Profiles(store, users, KeeperMetrics(), authenticated=True)


def changed(kind: str, name: str = ANNA, *, removed: bool = False) -> Changed:
    return Changed(kind, name, removed)


def prefs(profiles: Profiles, name: str) -> str:
    return (profiles.users.root / name / "user_prefs").read_text()


async def test_wishes_come_and_go(profiles: Profiles, store: Store) -> None:
    """A document that says something makes a profile; without one it goes."""
    store.documents["users", ANNA, "spam"] = {"threshold": 3}
    await profiles.apply(changed("spam"))
    assert "required_score 3\n" in prefs(profiles, KEY)
    store.documents["users", ANNA, "spam"] = {"threshold": None, "share_training": True}
    await profiles.apply(changed("spam"))
    assert profiles.users.keys() == set()
    store.documents["users", ANNA, "spam"] = {"threshold": 3}
    await profiles.apply(changed("spam"))
    del store.documents["users", ANNA, "spam"]
    await profiles.apply(changed("spam", removed=True))
    assert profiles.users.keys() == set()


async def test_training_profiles_follow_the_wishes(profiles: Profiles, store: Store) -> None:
    """What is measured is what the user's mail would get."""
    await profiles.prepare_training(ANNA)
    store.documents["users", ANNA, "spam"] = {"threshold": 3}
    await profiles.apply(changed("spam"))
    for name in (KEY, f"{KEY}t", f"{KEY}n"):
        assert "required_score 3\n" in prefs(profiles, name)


async def test_own_bayes_alone_makes_a_profile(profiles: Profiles, store: Store) -> None:
    """Whoever has trained enough is judged by that, without any other wish."""
    await profiles.prepare_training(ANNA)
    store.documents["users", ANNA, "training"] = {"own_bayes": True}
    await profiles.apply(changed("training"))
    assert (profiles.users.root / KEY / "bayes").resolve() == profiles.users.database(KEY).resolve()


@pytest.mark.parametrize("kind", ["user", "training"])
async def test_a_removed_user_is_forgotten(profiles: Profiles, kind: str) -> None:
    """A training record goes with its user only, so its removal tells the same."""
    await profiles.prepare_training(ANNA)
    await profiles.apply(changed(kind, removed=True))
    assert profiles.users.keys() == set()


async def test_other_kinds_and_other_users_change_nothing(profiles: Profiles) -> None:
    """An alias of the same address is none of the keeper's business."""
    await profiles.prepare_training(ANNA)
    await profiles.apply(changed("alias", removed=True))
    await profiles.apply(changed("user", "bob@example.org", removed=True))
    assert profiles.users.keys() == {KEY}


async def test_nothing_is_prepared_for_who_is_not_there(profiles: Profiles, store: Store) -> None:
    """Nor while that cannot be told."""
    with pytest.raises(DocumentMissing, match=r"bob@example\.org"):
        await profiles.prepare_training("bob@example.org")
    store.down = True
    with pytest.raises(StoreUnavailable):
        await profiles.prepare_training(ANNA)
    assert profiles.users.keys() == set()


async def test_an_outage_leaves_the_folders_as_they_are(profiles: Profiles, store: Store) -> None:
    """Not to be able to tell is not to have no wishes."""
    store.documents["users", ANNA, "spam"] = {"threshold": 3}
    await profiles.apply(changed("spam"))
    store.down = True
    with pytest.raises(StoreUnavailable):
        await profiles.apply(changed("spam"))
    assert "required_score 3\n" in prefs(profiles, KEY)


async def test_whom_the_store_never_heard_of_is_kept(profiles: Profiles) -> None:
    """An empty or older store costs nobody their training; who is mentioned is known."""
    await profiles.prepare_training(ANNA)
    profiles.begin()
    assert profiles.caught_up() == 1
    profiles.begin()
    await profiles.apply(changed("user"))
    assert profiles.caught_up() == 0
    assert profiles.users.keys() == {KEY}
