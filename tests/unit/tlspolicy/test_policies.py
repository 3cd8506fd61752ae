"""When a policy is asked for, kept, held to: with a clock, a DNS and a web of this file's own."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailstack.model.domains import DomainName
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.tlspolicy.cache import Cache
from mailstack.tlspolicy.fetch import NoPolicy
from mailstack.tlspolicy.policies import CHECK_S, REFRESH_S, RETRY_S, Policies

DOMAIN = "example.org"
DEMANDED = Found("secure match=mail.example.org servername=hostname")
MAX_AGE_S = 604_800
RECORD = Found(("v=STSv1; id=1;",))


def body(mode: str = "enforce") -> bytes:
    return f"version: STSv1\nmode: {mode}\nmx: mail.example.org\nmax_age: {MAX_AGE_S}\n".encode()


@dataclass
class World:
    """What DNS and the web say, and how often they were asked."""

    folder: Path
    now: float = 1_000_000.0
    texts: Outcome[tuple[str, ...]] = RECORD
    policy: bytes | None = field(default_factory=body)
    dane: Outcome[bool] | None = None
    asked: int = 0
    fetched: int = 0

    def policies(self) -> Policies:
        """Make the service, as it is after a start."""
        cache = Cache(self.folder)
        cache.load()
        dane = None if self.dane is None else self._protects
        return Policies(cache, self._ask, self._fetch, dane, lambda: self.now)

    async def _protects(self, _: DomainName) -> Outcome[bool]:
        assert self.dane is not None
        return self.dane

    async def _ask(self, name: str) -> Outcome[tuple[str, ...]]:
        assert name == f"_mta-sts.{DOMAIN}"
        self.asked += 1
        await asyncio.sleep(0)
        return self.texts

    async def _fetch(self, _: DomainName) -> bytes:
        self.fetched += 1
        await asyncio.sleep(0)
        if self.policy is None:
            raise NoPolicy("closed")
        return self.policy


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_policy_is_demanded_and_asked_for_once(world: World) -> None:
    """Many questions at once, and again within the hour, are one question to the world."""
    policies = world.policies()
    answers = await asyncio.gather(*(policies.look_up(DOMAIN) for _ in range(20)))
    assert set(answers) == {DEMANDED}
    world.now += CHECK_S - 1
    assert await policies.look_up("Example.ORG") == DEMANDED
    assert (world.asked, world.fetched) == (1, 1)


@pytest.mark.parametrize(
    "key", ["[192.0.2.1]", "[mx.example.org]:25", ".org", "a b.example", "", "é" * 300]
)
async def test_what_is_no_domain(world: World, key: str) -> None:
    """Postfix also asks for hosts and parent domains: those have no policy, nobody is asked."""
    assert await world.policies().look_up(key) == NotFound()
    assert world.asked == 0


@pytest.mark.parametrize("mode", ["testing", "none"])
async def test_a_policy_that_demands_nothing(world: World, mode: str) -> None:
    """Only "enforce" stops mail."""
    world.policy = body(mode)
    assert await world.policies().look_up(DOMAIN) == NotFound()


async def test_without_a_record_there_is_no_policy(world: World) -> None:
    """That is remembered for a while."""
    world.texts = NotFound()
    policies = world.policies()
    assert await policies.look_up(DOMAIN) == NotFound()
    assert await policies.look_up(DOMAIN) == NotFound()
    assert world.asked == 1
    world.texts = Found(("v=STSv1; id=1;",))
    world.now += RETRY_S
    assert await policies.look_up(DOMAIN) == DEMANDED


async def test_a_first_policy_that_cannot_be_fetched(world: World) -> None:
    """Mail goes as if there were none (RFC 8461 3.3)."""
    world.policy = None
    assert await world.policies().look_up(DOMAIN) == NotFound()
    world.policy = b"<html>"
    world.now += RETRY_S
    assert await world.policies().look_up(DOMAIN) == NotFound()


async def test_dns_that_cannot_tell(world: World) -> None:
    """Mail waits, and the next question is asked again."""
    world.texts = Unavailable("SERVFAIL")
    policies = world.policies()
    assert isinstance(await policies.look_up(DOMAIN), Unavailable)
    assert isinstance(await policies.look_up(DOMAIN), Unavailable)
    assert world.asked == 2


@pytest.mark.parametrize("gone", [NotFound(), Unavailable("x"), Found(("v=STSv1; id=2;",))])
async def test_a_known_policy_outlives_everything(
    world: World, gone: Outcome[tuple[str, ...]]
) -> None:
    """No record, no DNS, no web, a restart: held to until it expires, and not a second longer."""
    assert await world.policies().look_up(DOMAIN) == DEMANDED
    world.texts, world.policy = gone, None
    policies = world.policies()
    for _ in range(5):
        assert await policies.look_up(DOMAIN) == DEMANDED
        world.now += MAX_AGE_S / 5
    assert await policies.look_up(DOMAIN) != DEMANDED


async def test_a_new_id_is_a_new_policy(world: World) -> None:
    """It is fetched when DNS names it, and in force at once."""
    policies = world.policies()
    await policies.look_up(DOMAIN)
    world.texts, world.policy = Found(("v=STSv1; id=2;",)), body("none")
    world.now += CHECK_S
    assert await policies.look_up(DOMAIN) == NotFound()
    assert world.fetched == 2


async def test_a_policy_is_refreshed(world: World) -> None:
    """Fetched again each day, so that it does not expire between two letters."""
    policies = world.policies()
    await policies.look_up(DOMAIN)
    for _ in range(20):
        world.now += REFRESH_S + 1
        await policies.refresh()
    world.policy = None
    assert await policies.look_up(DOMAIN) == DEMANDED
    assert world.fetched > 20


@pytest.mark.parametrize(
    ("dane", "expected"),
    [
        (Found(value=True), Found("dane-only")),
        (NotFound(), DEMANDED),
        (Unavailable("x"), Unavailable("x")),
    ],
)
async def test_dane_comes_first(world: World, dane: Outcome[bool], expected: Outcome[str]) -> None:
    """RFC 8461 2: a policy must not let pass what DANE refuses."""
    world.dane = dane
    assert await world.policies().look_up(DOMAIN) == expected


async def test_a_policy_that_cannot_be_kept(world: World) -> None:
    """A full disk: mail waits, for the policy is known and would be forgotten."""
    policies = world.policies()
    world.folder.rmdir()
    assert isinstance(await policies.look_up(DOMAIN), Unavailable)


async def test_a_damaged_file_is_fetched_anew(world: World) -> None:
    """It goes, and others stay."""
    await world.policies().look_up(DOMAIN)
    (world.folder / "example.net").write_text("{")
    (world.folder / "no domain").write_text("{}")
    assert await world.policies().look_up(DOMAIN) == DEMANDED
    assert [path.name for path in world.folder.iterdir()] == [DOMAIN]
    assert world.fetched == 1
