"""Following aliases, over rows in a dictionary instead of a store."""

import pytest

from mailstack.errors import InvalidDocument
from mailstack.model.addresses import split_address, without_tag
from mailstack.model.expansion import MAX_CHAIN, MAX_RECIPIENTS, Expansion, check_expansion
from mailstack.model.routing import ALIAS, DOMAIN, USER, Entries, Entry, route

HERE = "example.org"


def stored(aliases: dict[str, str], users: tuple[str, ...] = ()) -> Entries:
    """Entries of one domain; names without a domain are of it."""
    rows: list[Entry] = [("", DOMAIN, 1, None)]
    rows += [(name, USER, 1, None) for name in users]
    rows += [(name, ALIAS, 1, whole(targets)) for name, targets in aliases.items()]

    def entries(domain: str, local: str, base: str) -> list[Entry]:
        return [row for row in rows if domain == HERE and row[0] in ("", local, base)]

    return entries


def whole(targets: str) -> str:
    return " ".join(t if "@" in t else f"{t}@{HERE}" for t in targets.split())


def ends(address: str, entries: Entries) -> list[str]:
    local, _ = split_address(f"{address}@{HERE}")
    base = without_tag(local, "+")
    found = route(entries(HERE, local, base), local, base)
    walk = Expansion(entries, "+")
    walk.follow(HERE, found, local[len(base) :] if found.local == base else "")
    return [end.removesuffix(f"@{HERE}") for end in walk.recipients]


def test_tag_goes_to_the_ends() -> None:
    """Through two aliases, to a mailbox and outside, but not over a tag that is there."""
    entries = stored({"a": "b x@o.example", "b": "ann bob+own"}, ("ann", "bob"))
    assert ends("a+t", entries) == ["ann+t", "bob+own", "x+t@o.example"]
    assert ends("a", entries) == ["ann", "bob+own", "x@o.example"]


def test_tag_of_a_target_goes_on() -> None:
    """An alias that names another one with a tag gives that tag to its ends."""
    assert ends("a", stored({"a": "b+list", "b": "ann"}, ("ann",))) == ["ann+list"]


def test_tag_is_dropped_where_an_alias_has_that_address() -> None:
    """ann+t is somebody else's alias: mail for a+t must still reach ann."""
    entries = stored({"a": "ann", "ann+t": "x@o.example"}, ("ann",))
    assert ends("a+t", entries) == ["ann"]


def test_ways_back_end() -> None:
    """Loops that got in all the same (another delimiter, an old file) end, and keep their ends."""
    entries = stored({"a": "b ann", "b": "a bob"}, ("ann", "bob"))
    assert ends("a", entries) == ["bob", "ann"]


def test_own_address_is_the_mailbox() -> None:
    """An alias that names itself, with or without a tag, means its mailbox, if there is one."""
    assert ends("ann", stored({"ann": "ann+kept bob"}, ("ann", "bob"))) == ["ann+kept", "bob"]
    assert ends("ann", stored({"ann": "ann bob"}, ("bob",))) == ["bob"]


def test_many_ways_to_the_same_end() -> None:
    """Aliases that name each of the next level's are looked at once, however many ways lead on."""
    names = [f"l{level}-{n}" for level in range(MAX_CHAIN) for n in range(20)]
    aliases = {
        name: " ".join(f"l{int(name[1]) + 1}-{n}" for n in range(20)) for name in names[:-20]
    }
    aliases |= dict.fromkeys(names[-20:], "ann")
    assert ends("l0-0", stored(aliases, ("ann",))) == ["ann"]


@pytest.mark.parametrize(
    ("aliases", "words"),
    [
        ({"a": "b", "b": "c", "c": "a"}, "loop: a@.* → b@.* → c@.* → a@"),
        ({"a": "b", "b": "c+x", "c": "b"}, "loop: b@.* → c@.* → b@"),
        ({f"a{n}" if n else "a": f"a{n + 1}" for n in range(MAX_CHAIN + 1)}, "chain of 11"),
        ({"a": " ".join(f"u{n}@o.example" for n in range(MAX_RECIPIENTS + 1))}, "1000 recipients"),
        ({"a": " ".join(f"{'u' * 60}{n}@o.example" for n in range(900))}, None),
        ({"a": " ".join(f"{n:060}@{'o' * 60}.example" for n in range(900))}, "90000 octets"),
    ],
)
def test_what_is_refused(aliases: dict[str, str], words: str | None) -> None:
    """Loops, chains too long and groups too large are named as such."""
    if words is None:
        check_expansion(HERE, "a", stored(aliases), "+")
        return
    with pytest.raises(InvalidDocument, match=words):
        check_expansion(HERE, "a", stored(aliases), "+")
