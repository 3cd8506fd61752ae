"""The web service of the domains' names as a service: its file, and its checker."""

from pathlib import Path

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.daemons.contract import Site
from mailstack.daemons.names import DAEMON
from mailstack.daemons.names.render import FILE
from mailstack.errors import ConfigError

VERSION = (0, 1, 0)
TYPICAL = site("names", version=VERSION)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("typical", TYPICAL),
        ("shifted", site("names", version=VERSION, offset=20_000, public_host="192.0.2.1")),
        ("cluster", site("names", version=VERSION, in_cluster=True)),
    ],
)
async def test_golden(tmp_path: Path, name: str, where: Site) -> None:
    """A site is rendered to exactly these bytes, which the program itself can read."""
    files = DAEMON.render(where, {})
    assert_golden(f"names/{name}", files)
    (tmp_path / FILE).write_text(files[FILE])
    await DAEMON.check(where, tmp_path, {})


async def test_what_is_no_file_of_ours(tmp_path: Path) -> None:
    """The checker names the file."""
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(ConfigError) as caught:
        await DAEMON.check(TYPICAL, tmp_path, {})
    assert caught.value.file == tmp_path / FILE


def test_what_needs_a_restart() -> None:
    """Another port does, another policy is read by the running one."""
    files = DAEMON.render(TYPICAL, {})
    assert DAEMON.restart_needed(files, {FILE: files[FILE].replace("443", "8443")})
    assert not DAEMON.restart_needed(files, {FILE: files[FILE].replace("testing", "enforce")})
