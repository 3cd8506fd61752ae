"""The daemon package of couchmail: rendered, prepared and checked."""

import os
from pathlib import Path

import pytest
from tests.daemons.stage import site_for
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.daemons.contract import ProbeFailed, Site
from mailstack.daemons.couchmail import DAEMON
from mailstack.daemons.couchmail.render import FILE
from mailstack.errors import ConfigError


def here(state: Path) -> Site:
    return site_for(DAEMON, state, offset=0)


@pytest.mark.parametrize("in_cluster", [False, True], ids=["one-machine", "cluster"])
def test_rendering(*, in_cluster: bool) -> None:
    """The file is what it was; a change of it is a change of the golden file."""
    rendered = site("couchmail", version=DAEMON.version(), offset=1000, in_cluster=in_cluster)
    name = "cluster" if in_cluster else "one-machine"
    assert_golden(f"couchmail/{name}", DAEMON.render(rendered, {}))


async def test_what_is_rendered_passes_the_check(tmp_path: Path) -> None:
    """The service's own loader takes the file, and refuses one that says too much."""
    where = here(tmp_path)
    (tmp_path / FILE).write_text(DAEMON.render(where, {})[FILE])
    await DAEMON.check(where, tmp_path, {})
    (tmp_path / FILE).write_text(DAEMON.render(where, {})[FILE].replace("{", '{"colour": 1,', 1))
    with pytest.raises(ConfigError, match="colour"):
        await DAEMON.check(where, tmp_path, {})


def test_preparing_twice_keeps_the_token(tmp_path: Path) -> None:
    """A secret is made once, for the account alone; the folders have their owner."""
    where = here(tmp_path)
    DAEMON.prepare(where)
    token = where.paths.secure / "api.token"
    first = token.read_text()
    DAEMON.prepare(where)
    assert token.read_text() == first
    assert len(first.strip()) == 64
    assert token.stat().st_mode & 0o777 == 0o600
    assert where.paths.secure.stat().st_mode & 0o777 == 0o711
    for folder in (where.paths.data / "store", where.paths.secure / "couchmail"):
        assert folder.stat().st_mode & 0o777 == 0o700
    if os.geteuid() == 0:
        assert token.stat().st_uid == where.account.uid


async def test_a_probe_of_nobody_fails(tmp_path: Path) -> None:
    """Where nothing listens, the probe says where it asked."""
    nobody = site_for(DAEMON, tmp_path, offset=2900)
    with pytest.raises(ProbeFailed, match=r"127\.0\.0\.1:43480"):
        await DAEMON.probe(nobody)
