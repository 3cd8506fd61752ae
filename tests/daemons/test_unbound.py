"""A real unbound with our configuration, and a small name server behind it."""

from collections.abc import Iterator
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rcode
import pytest
from tests.daemons.name_server import name_server
from tests.daemons.stage import EXAMPLE, commit, running, site_for, state_folder

from mailstack.daemons.contract import Site
from mailstack.daemons.unbound import DAEMON
from mailstack.errors import ConfigError, MissingProgram
from mailstack.settings import Settings

try:
    DAEMON.version()
except MissingProgram as missing:
    pytest.skip(str(missing), allow_module_level=True)

OFFSET = 5000
ZONE = {
    ("example.com.", "A"): "192.0.2.10",
    ("example.com.", "MX"): "10 mx.example.com.",
    ("outside.test.", "A"): "192.0.2.11",
    ("1.2.0.10.in-addr.arpa.", "PTR"): "pc.example.com.",
}


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


def site(state: Path, **dns_settings: object) -> Site:
    settings = Settings.model_validate({**EXAMPLE, "dns": dns_settings})
    return site_for(DAEMON, state, offset=OFFSET, settings=settings)


async def ask(site: Site, name: str, kind: str, host: str = "") -> dns.message.Message:
    """One question; at ``host`` on the default port, or where the services ask."""
    own = site.addresses["resolver.dns"]
    question = dns.message.make_query(name, kind)
    if host:
        return await dns.asyncquery.udp(question, host, timeout=60)
    return await dns.asyncquery.udp(question, own.host, port=own.port, timeout=60)


async def test_forwards_every_question(state: Path) -> None:
    """With ``dns.forward`` all names are asked there, private ones and networks too."""
    async with name_server(ZONE) as (port, asked):
        here = site(state, forward=[f"127.0.0.1@{port}"], dnssec=False)
        async with running(DAEMON, here):
            for (name, kind), data in ZONE.items():
                answer = await ask(here, name, kind)
                assert answer.rcode() == dns.rcode.NOERROR
                assert data in answer.answer[0].to_text()
            assert (await ask(here, "nothing.test.", "A")).rcode() == dns.rcode.NXDOMAIN
            before = len(asked)
            await ask(here, "example.com.", "A")
            assert len(asked) == before


async def test_serves_programs_that_cannot_be_told_a_port(state: Path) -> None:
    """The same answers on the default port of an address of the stack's own."""
    async with name_server(ZONE) as (port, _):
        here = site(state, forward=[f"127.0.0.1@{port}"], dnssec=False)
        async with running(DAEMON, here):
            answer = await ask(here, "example.com.", "A", host=here.resolver)
            assert "192.0.2.10" in answer.answer[0].to_text()


async def test_an_unsigned_answer_is_no_answer_with_dnssec(state: Path) -> None:
    """A forwarder that cannot prove what it says is not believed: the names become unreachable."""
    async with name_server(ZONE) as (port, _):
        here = site(state, forward=[f"127.0.0.1@{port}"])
        async with running(DAEMON, here):
            answer = await ask(here, "example.com.", "A")
            assert answer.rcode() == dns.rcode.SERVFAIL


def uids(pid: int) -> list[str]:
    """Real, effective, saved and for files."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]


async def test_gives_up_root(state: Path) -> None:
    """Port 53 was opened by root; what answers questions is not root."""
    async with running(DAEMON, site(state)) as stage:
        assert "0" not in uids(stage.pid)


async def test_a_reload_brings_an_override_into_force(state: Path) -> None:
    """The same process answers, with the owner's lines; a broken one changes nothing."""
    here = site(state)
    async with running(DAEMON, here) as stage:
        await commit(DAEMON, here, {"own.conf": 'server:\n  local-data: "own.invalid. TXT yes"\n'})
        await DAEMON.reload(here, stage.pid)
        await stage.healthy()
        assert "yes" in (await ask(here, "own.invalid.", "TXT")).answer[0].to_text()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("server:\n  nonsense: 3\n", 2, "unknown keyword 'nonsense'"),
        ("server:\n\n  num-threads: many\n", 3, "number expected"),
        ("server:\n  interface: 300.1.1.1\n", None, "cannot parse interface"),
    ],
)
async def test_a_broken_override_is_refused(
    state: Path, text: str, line: int | None, words: str
) -> None:
    """With unbound's own words, the owner's file, and the line where unbound tells it."""
    here = site(state)
    DAEMON.prepare(here)
    with pytest.raises(ConfigError, match=words) as caught:
        await commit(DAEMON, here, {"first.conf": "server:\n  verbosity: 1\n", "own.conf": text})
    if line:
        assert (caught.value.file, caught.value.line) == (here.paths.overrides / "own.conf", line)
