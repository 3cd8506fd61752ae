"""The lookup ports of a running stack: asked by the daemons' own tools, and by nobody's friend."""

import json
import socket
import subprocess

import pytest
from tests.e2e.stack import Stack, User

from mailstack.demo.throwaway import DOMAIN
from mailstack.topology.model import LOOPBACK

LOOKUP_PORTS = ("domains", "mailboxes", "aliases")


def _port(stack: Stack, name: str) -> int:
    return stack.throwaway.endpoint("couchmail", name).port


@pytest.fixture(scope="module")
def user(shared_stack: Stack) -> User:
    """Somebody to be found."""
    return shared_stack.user()


def _postmap(stack: Stack, table: str, key: str) -> tuple[int, str]:
    conf = stack.state / "conf" / "postfix" / "current"
    argv = ["postmap", "-c", str(conf), "-q", key, table]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


@pytest.mark.parametrize("kind", ["tcp", "socketmap"])
def test_postmap(stack: Stack, user: User, kind: str) -> None:
    """Postfix's own tool finds what is there, and misses what is not, by both protocols."""
    alias = f"{stack.fresh('list')}@{DOMAIN}"
    stack.alias(alias, user.address, "far@other.example")
    found = {
        ("domains", DOMAIN): DOMAIN,
        ("mailboxes", user.address): user.address,
        ("mailboxes", user.tagged("x")): user.address,
        ("aliases", alias): f"{user.address}, far@other.example",
    }
    missing = (("domains", "no.example"), ("mailboxes", alias), ("aliases", user.address))
    for name, key in (*found, *missing):
        where = f"{LOOPBACK}:{_port(stack, name)}"
        table = f"tcp:{where}" if kind == "tcp" else f"socketmap:inet:{where}:{name}"
        value = found.get((name, key))
        assert _postmap(stack, table, key) == ((1, "") if value is None else (0, value)), key


def test_doveadm_knows_every_user(stack: Stack, user: User) -> None:
    """``doveadm user '*'`` lists the users there are, each once, and ``doveadm user`` knows one."""
    conf = stack.state / "conf" / "dovecot" / "current" / "dovecot.conf"

    def doveadm(mask: str) -> list[str]:
        argv = ["doveadm", "-c", str(conf), "user", mask]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.splitlines()

    users = [one["address"] for one in json.loads(stack.cli("user", "list", "--json"))]
    assert sorted(doveadm("*")) == sorted(users)
    assert {"uid", "gid", "home"} <= {line.split("\t")[0] for line in doveadm(user.address)}


def _say(stack: Stack, port: str, octets: bytes) -> bytes:
    """Send octets, end, and read all that comes back."""
    with socket.create_connection((LOOPBACK, _port(stack, port)), timeout=60) as connection:
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while more := connection.recv(65_536):
                answer += more
        except ConnectionResetError:
            pass  # hung up on, with octets of ours still unread
        return answer


MALFORMED = (
    b"",
    b"\0",
    b"\n",
    b"put key value\n",
    b"get %zz\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"get " + b"x" * 70_000,
    b"0:,",
    b"99999999999999999999:x",
    b"200000:" + b"x" * 100_000,
    b"5:ab\n\0c;",
    b"7:domains,",
    b"\xff\xfe" * 2_000,
    b"H\t\t\t\n",
    b"H3\t2\t0\t\tmailstack\nLpriv/x\n",
    b"L" + b"\x01" * 70_000,
)


@pytest.mark.parametrize("port", [*LOOKUP_PORTS, "dict"])
def test_malformed_input(stack: Stack, user: User, port: str) -> None:
    """Nonsense gets no answer that finds anything, ends its own connection, and harms nobody."""
    before = stack.pid("couchmail")
    for octets in MALFORMED:
        answer = _say(stack, port, octets)
        assert not answer.startswith((b"200 ", b"O")), (octets[:40], answer[:80])
        assert b":OK " not in answer
    assert _say(stack, "mailboxes", f"get {user.address}\n".encode()).startswith(b"200 ")
    assert stack.pid("couchmail") == before


def test_percent_encoding(stack: Stack, user: User) -> None:
    """A key is decoded once and no more."""
    name, domain = user.address.encode().split(b"@")
    once, twice = (b"get " + name + at + domain + b"\n" for at in (b"%40", b"%2540"))
    assert _say(stack, "mailboxes", once).startswith(b"200 ")
    assert _say(stack, "mailboxes", twice).startswith(b"500 ")


@pytest.mark.parametrize(
    "injected",
    [
        b"%0aget%20{address}",
        b"nobody%0d%0aget%20{address}",
        b"{address}%00",
        b"{address}%0a",
        b"%20{address}",
        b"x'%20OR%20'1'='1",
        b"%25{address}",
        b"..%2f..%2fetc%2fpasswd",
        b"*@" + DOMAIN.encode(),
        b"_%25@" + DOMAIN.encode(),
    ],
)
def test_injection_by_tcp_table(stack: Stack, user: User, injected: bytes) -> None:
    """What hides in an encoded key is part of the key: one question, one answer, nothing found."""
    key = injected.replace(b"{address}", user.address.encode())
    for port in LOOKUP_PORTS:
        answer = _say(stack, port, b"get " + key + b"\n")
        assert answer.startswith(b"500 ")
        assert answer.count(b"\n") == 1


@pytest.mark.parametrize("key", ["{a}\n", "{a}\0", " {a}", "{a},{a}", "x' OR '1'='1", "%{a}"])
def test_injection_by_socketmap(stack: Stack, user: User, key: str) -> None:
    """A netstring's key is taken as it is, line ends and all."""
    text = f"mailboxes {key.format(a=user.address)}".encode()
    answer = _say(stack, "mailboxes", b"%d:%s," % (len(text), text))
    assert answer == b"9:NOTFOUND ,"


@pytest.mark.parametrize("key", ["{a}\x01n", "{a}\x01t{a}", "{a}\x011", "{a}/../{a}", "*"])
def test_injection_by_dict(stack: Stack, user: User, key: str) -> None:
    """An escaped tab or line end in a dict key makes no second field and no second command."""
    name = key.format(a=user.address)
    lookup = f"H3\t2\t0\t\tmailstack\nLshared/passdb/{name}\t\n".encode()
    answer = _say(stack, "dict", lookup)
    assert answer == b"N\n"
