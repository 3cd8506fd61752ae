"""MTA-STS as a service: its file, and its checker."""

from pathlib import Path

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.daemons.contract import Site
from mailstack.daemons.tlspolicy import DAEMON
from mailstack.daemons.tlspolicy.render import FILE
from mailstack.errors import ConfigError

VERSION = (0, 1, 0)
TYPICAL = site("tlspolicy", version=VERSION)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("typical", TYPICAL),
        ("shifted", site("tlspolicy", version=VERSION, offset=20_000, public_host="192.0.2.1")),
        ("cluster", site("tlspolicy", version=VERSION, in_cluster=True)),
    ],
)
async def test_golden(tmp_path: Path, name: str, where: Site) -> None:
    """A site is rendered to exactly these bytes, which the program itself can read."""
    files = DAEMON.render(where, {})
    assert_golden(f"tlspolicy/{name}", files)
    (tmp_path / FILE).write_text(files[FILE])
    await DAEMON.check(where, tmp_path, {})


async def test_what_is_no_file_of_ours(tmp_path: Path) -> None:
    """The checker names the file."""
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(ConfigError) as caught:
        await DAEMON.check(TYPICAL, tmp_path, {})
    assert caught.value.file == tmp_path / FILE


def test_a_change_is_a_restart() -> None:
    """It starts at once, so nothing is read anew by a running one."""
    files = DAEMON.render(TYPICAL, {})
    assert not DAEMON.restart_needed(files, files)
    assert DAEMON.restart_needed(files, {FILE: files[FILE].replace("10029", "10001")})
