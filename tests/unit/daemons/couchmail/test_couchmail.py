"""The daemon package of couchmail: rendered, prepared and checked."""

import os
from pathlib import Path

import pytest
from tests.daemons.stage import EXAMPLE, site_for

from mailstack.daemons.contract import Paths, ProbeFailed, Site
from mailstack.daemons.couchmail import DAEMON
from mailstack.daemons.couchmail.render import FILE
from mailstack.errors import ConfigError
from mailstack.settings import Settings
from mailstack.topology.addresses import cluster, one_machine
from mailstack.topology.stack import STACK

GOLDEN = Path(__file__).parents[3] / "golden" / "couchmail"


def site(state: Path) -> Site:
    return site_for(DAEMON, state, offset=0)


@pytest.mark.parametrize("place", ["one-machine", "cluster"])
def test_rendering(place: str) -> None:
    """The file is what it was; a change of it is a change of the golden file."""
    addresses = (
        cluster(STACK, "couchmail")
        if place == "cluster"
        else one_machine(STACK, "couchmail", public_host="all", offset=1000)
    )
    from_state = site(Path("/var/lib/mailstack"))
    rendered = Site(
        settings=Settings.model_validate(EXAMPLE),
        addresses=addresses,
        paths=Paths(Path("/var/lib/mailstack"), "couchmail"),
        version=from_state.version,
        account=from_state.account,
    )
    assert DAEMON.render(rendered, {})[FILE] == (GOLDEN / f"{place}.json").read_text()


async def test_what_is_rendered_passes_the_check(tmp_path: Path) -> None:
    """The service's own loader takes the file, and refuses one that says too much."""
    here = site(tmp_path)
    (tmp_path / FILE).write_text(DAEMON.render(here, {})[FILE])
    await DAEMON.check(here, tmp_path, {})
    (tmp_path / FILE).write_text(DAEMON.render(here, {})[FILE].replace("{", '{"colour": 1,', 1))
    with pytest.raises(ConfigError, match="colour"):
        await DAEMON.check(here, tmp_path, {})


def test_preparing_twice_keeps_the_token(tmp_path: Path) -> None:
    """A secret is made once, for the account alone; the folders have their owner."""
    here = site(tmp_path)
    DAEMON.prepare(here)
    token = here.paths.secure / "api.token"
    first = token.read_text()
    DAEMON.prepare(here)
    assert token.read_text() == first
    assert len(first.strip()) == 64
    assert token.stat().st_mode & 0o777 == 0o600
    assert here.paths.secure.stat().st_mode & 0o777 == 0o711
    assert (here.paths.data / "store").stat().st_mode & 0o777 == 0o700
    if os.geteuid() == 0:
        assert token.stat().st_uid == here.account.uid


async def test_a_probe_of_nobody_fails(tmp_path: Path) -> None:
    """Where nothing listens, the probe says where it asked."""
    nobody = site_for(DAEMON, tmp_path, offset=2900)
    with pytest.raises(ProbeFailed, match=r"127\.0\.0\.1:43471"):
        await DAEMON.probe(nobody)
