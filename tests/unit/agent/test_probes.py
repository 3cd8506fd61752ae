"""Asking a daemon, and being stopped meanwhile."""

import asyncio
from contextlib import suppress
from typing import cast

from tests.unit.fake_daemon import FakeDaemon

from mailstack.agent.probes import Wrong, ask, remark
from mailstack.daemons.contract import NotReady, ProbeFailed, Site

NO_SITE = cast("Site", None)


class Deaf(FakeDaemon):
    """Its probe loses a cancellation, as some libraries do."""

    async def probe(self, site: Site) -> None:
        del site
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


async def test_a_lost_cancellation_is_found_again() -> None:
    """Whoever stops a service is not kept waiting by a probe that swallowed it."""
    task = asyncio.ensure_future(ask(Deaf(), NO_SITE, 60))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()


async def test_what_is_wrong() -> None:
    """A failure is its sentence, silence is told in seconds, a defect is no end of the stack."""

    class Slow(FakeDaemon):
        async def probe(self, site: Site) -> None:
            del site
            await asyncio.sleep(60)

    class Sick(FakeDaemon):
        async def probe(self, site: Site) -> None:
            raise ProbeFailed("no greeting") if site is NO_SITE else KeyError("x")

    assert await ask(Slow(), NO_SITE, 0.01) == Wrong("no answer within 0.01 s")
    assert await ask(Sick(), NO_SITE, 1) == Wrong("no greeting")
    failed = await ask(Sick(), cast("Site", object()), 1)
    assert failed == Wrong("the probe itself failed: KeyError: 'x'")


async def test_not_ready_is_no_hang() -> None:
    """A daemon that answers that it cannot work now is unhealthy, and not to be restarted."""

    class Waiting(FakeDaemon):
        async def probe(self, site: Site) -> None:
            del site
            raise NotReady("the datastore is gone")

    assert await ask(Waiting(), NO_SITE, 1) == Wrong("the datastore is gone", hangs=False)


async def test_what_a_healthy_one_has_to_say() -> None:
    """Most say nothing; who takes too long has said nothing."""

    class Outspoken(FakeDaemon):
        pause_s = 0.0

        async def remark(self, site: Site) -> str:
            del site
            await asyncio.sleep(self.pause_s)
            return "the certificate is old"

    daemon = Outspoken()
    assert await remark(FakeDaemon(), NO_SITE, 60) == ""
    assert await remark(daemon, NO_SITE, 60) == "the certificate is old"
    daemon.pause_s = 60
    assert await remark(daemon, NO_SITE, 0.01) == ""
