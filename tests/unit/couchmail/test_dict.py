"""The dict port on the wire, as Dovecot 2.3 and 2.4 ask it."""

import json

import pytest
from tests.unit.couchmail.running import HASH, SCRIPT, Running

from mailstack.protocols import dovecot_dict as wire

HELLO = {3: b"H3\t2\t0\t\tauth\n", 4: b"H4\t0\t0\t\tauth\n"}


async def lookup(couchmail: Running, key: str, user: str = "", major: int = 3) -> bytes:
    line = f"L{key}\t{user}\n".encode()
    return await couchmail.ask("dict", HELLO[major] + line)


def value(reply: bytes) -> str:
    assert reply[:1] == b"O"
    assert reply[-1:] == b"\n"
    return wire.unescape(reply[1:-1]).decode()


async def test_passdb(couchmail: Running) -> None:
    """A login gets its hash and its name in canonical form."""
    found = json.loads(value(await lookup(couchmail, "shared/passdb/Alice@Example.ORG")))
    assert found == {"password": HASH, "user": "alice@example.org"}


@pytest.mark.parametrize(
    ("major", "quota"),
    [(3, {"quota_rule": "*:bytes=1048576"}), (4, {"quota_storage_size": "1048576B"})],
)
async def test_userdb(couchmail: Running, major: int, quota: dict[str, str]) -> None:
    """A quota of one's own is spelt as the asking version names it; the password is not told."""
    reply = await lookup(couchmail, "shared/userdb/alice@example.org", major=major)
    assert json.loads(value(reply)) == {"user": "alice@example.org", **quota}
    plain = await lookup(couchmail, "shared/userdb/bob@example.org", major=major)
    assert json.loads(value(plain)) == {"user": "bob@example.org"}


@pytest.mark.parametrize(
    "key",
    [
        "shared/passdb/gone@example.org",
        "shared/passdb/both@example.org",
        "shared/passdb/",
        "shared/userdb/nobody@example.org",
        "shared/elsewhere/alice@example.org",
        "priv/sieve/name/none",
        "priv/quota/storage",
        "",
    ],
)
async def test_what_is_not_there(couchmail: Running, key: str) -> None:
    """A disabled user, an alias, and what no key looks like: not found."""
    assert await lookup(couchmail, key, "alice@example.org") == b"N\n"


@pytest.mark.parametrize("name", ["active", "lists"])
async def test_a_script_by_name(couchmail: Running, name: str) -> None:
    """Pigeonhole asks for the id of the active script, then for the text of that id."""
    user = "alice@example.org"
    script_id = value(await lookup(couchmail, f"priv/sieve/name/{name}", user))
    assert value(await lookup(couchmail, f"priv/sieve/data/{script_id}", user)) == SCRIPT
    assert await lookup(couchmail, f"priv/sieve/name/{name}", "bob@example.org") == b"N\n"


async def test_a_replaced_script_is_asked_for_again(couchmail: Running) -> None:
    """An id that is no more is a failure for now: the script is not gone, it is another one."""
    reply = await lookup(couchmail, "priv/sieve/data/old", "alice@example.org")
    assert reply == wire.TRY_AGAIN


@pytest.mark.parametrize(("rows", "expected"), [(0, [b"alice", b"bob"]), (1, [b"alice"])])
async def test_iteration(couchmail: Running, rows: int, expected: list[bytes]) -> None:
    """``doveadm user '*'`` gets every login, or as many as it wants, and then an empty line."""
    answer = await couchmail.ask("dict", HELLO[3] + b"I0\t%d\tshared/userdb/\t\n" % rows)
    lines = [b"Oshared/userdb/%b@example.org\t\n" % name for name in expected]
    assert answer == b"".join(lines) + b"\n"


async def test_an_unknown_iteration_is_empty(couchmail: Running) -> None:
    """There is nothing below another path."""
    assert await couchmail.ask("dict", HELLO[4] + b"I0\t0\tpriv/\tu\n") == b"\n"


async def test_nothing_is_written(couchmail: Running) -> None:
    """A transaction is refused at its commit, and the connection goes on."""
    changes = b"B1\tu\t0\nS1\tpriv/x\ty\nC1\nLnothing\n"
    answer = await couchmail.ask("dict", HELLO[4] + changes)
    assert answer == wire.encode_refusal(1) + b"N\n"


@pytest.mark.parametrize(
    "first", [b"Lshared/passdb/x\n", b"H9\t0\t0\t\tauth\n", b"GET / HTTP/1.1\r\n"]
)
async def test_strangers_are_hung_up_on(couchmail: Running, first: bytes) -> None:
    """Who does not begin with a hello of a known version gets nothing, and is counted."""
    assert await couchmail.ask("dict", first) == b""
    assert (await couchmail.numbers())['couchmail_malformed_requests_total{port="dict"}'] == 1
