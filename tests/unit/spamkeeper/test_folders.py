"""What lies where below the users' folder, and what never gets there."""

from pathlib import Path

import pytest

from mailstack.model.addresses import Address
from mailstack.model.spamkey import SITE, is_key, plain_profile, spam_key, training_profile
from mailstack.spamkeeper.folders import Users

KEY = spam_key(Address("anna@example.org"))


@pytest.fixture
def users(tmp_path: Path) -> Users:
    made = Users(tmp_path / "users")
    made.prepare()
    return made


def tree(users: Users) -> set[str]:
    return {str(path.relative_to(users.root)) for path in users.root.rglob("*")}


@pytest.mark.parametrize(
    "name",
    ["", "root", "..", "u", KEY.upper(), f"{KEY}\n", f"{KEY}0", f"{KEY}/x", f"../{KEY}", "u" * 33],
)
def test_what_is_no_key_is_no_path(users: Users, name: str) -> None:
    """Nothing is made, found or removed for it."""
    before = tree(users)
    assert not is_key(name)
    for work in (users.forget, users.database, users.snapshots, users.reputation):
        with pytest.raises(ValueError, match="no key"):
            work(name)
    with pytest.raises(ValueError, match="no key"):
        users.scan_by(name, "", own_bayes=True)
    assert tree(users) == before


def test_the_site_has_a_profile_and_a_database_from_the_start(users: Users) -> None:
    """Twice prepared is the same as once."""
    before = tree(users)
    users.prepare()
    assert tree(users) == before
    assert (users.root / "bayes").resolve() == users.database(SITE).resolve()
    assert list(users.trained()) == [SITE]
    with pytest.raises(ValueError, match="no user"):
        users.forget(SITE)


def test_a_profile_leads_to_the_right_database(users: Users) -> None:
    """To the site's until the user's own counts; the database itself stays where it is."""
    users.make_database(KEY, "learns", "plain")
    users.scan_by(KEY, "wishes", own_bayes=False)
    bayes = users.root / KEY / "bayes"
    assert bayes.resolve() == users.database(SITE).resolve()
    users.scan_by(KEY, "wishes", own_bayes=True)
    assert bayes.resolve() == users.database(KEY).resolve()
    users.scan_by(KEY, None, own_bayes=False)
    assert not (users.root / KEY).exists()
    assert users.has_database(KEY)


def test_a_database_is_made_once(users: Users) -> None:
    """What was learnt stays when the preferences change."""
    users.make_database(KEY, "old")
    (users.database(KEY) / "db_toks.pag").touch()
    users.make_database(KEY, "new")
    assert (users.database(KEY) / "db_toks.pag").exists()
    assert (users.root / training_profile(KEY) / "user_prefs").read_text() == "new"


def test_forgetting_a_user_leaves_nothing(users: Users) -> None:
    """All three profiles go, and no other user's."""
    other = spam_key(Address("bob@example.org"))
    before = tree(users)
    users.make_database(KEY, "learns", "plain")
    users.scan_by(KEY, "wishes", own_bayes=True)
    users.make_database(other, "learns")
    assert users.keys() == {KEY, other}
    assert users.forget(KEY)
    assert not users.forget(KEY)
    assert users.keys() == {other}
    users.forget(other)
    assert tree(users) - {".gone"} == before


def test_a_removal_that_was_cut_short_is_ended(users: Users) -> None:
    """What was renamed away goes at the next start."""
    gone = users.root / ".gone" / f"{plain_profile(KEY)}.1234"
    gone.mkdir(parents=True)
    (gone / "user_prefs").touch()
    users.prepare()
    assert not gone.exists()
