"""What the content filter is given at each example site."""

import json
from pathlib import Path

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.contentfilter.config import Config
from mailstack.daemons.contentfilter import DAEMON
from mailstack.daemons.contentfilter.render import FILE
from mailstack.daemons.contract import Daemon, Site
from mailstack.errors import ConfigError

VERSION = DAEMON.version()
TYPICAL = site("contentfilter", version=VERSION)
DELIVERING = site(
    "contentfilter",
    version=VERSION,
    offset=20_000,
    settings={
        "filter": {"on_failure": "deliver", "max_scan_octets": "256KiB"},
        "spam": {"children": 5},
        "mailbox": {"delimiter": "-"},
    },
)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("typical", TYPICAL),
        ("shifted-delivering", DELIVERING),
        ("cluster", site("contentfilter", version=VERSION, in_cluster=True)),
    ],
)
def test_golden(name: str, where: Site) -> None:
    """A site is rendered to exactly these bytes."""
    assert_golden(f"contentfilter/{name}", DAEMON.render(where, {}))


def test_it_is_a_daemon() -> None:
    """The agent can run it like any other."""
    daemon: Daemon = DAEMON
    (command,) = daemon.commands(TYPICAL)
    assert list(command.argv[1:3]) == ["-m", "mailstack.contentfilter"]
    assert command.argv[-1] == "/srv/mail/conf/contentfilter/current/contentfilter.json"


def test_a_new_setting_needs_no_restart() -> None:
    """A limit is read anew on SIGHUP; a port is not."""
    old = DAEMON.render(TYPICAL, {})
    strict = site("contentfilter", version=VERSION, settings={"filter": {"enabled": False}})
    assert not DAEMON.restart_needed(old, DAEMON.render(strict, {}))
    assert DAEMON.restart_needed(old, DAEMON.render(DELIVERING, {}))


def test_postfix_is_never_told_a_smaller_size_than_it_accepted() -> None:
    """Lines end with two octets on the wire and one in the queue."""
    document = json.loads(DAEMON.render(TYPICAL, {})[FILE])
    assert document["max_message_octets"] >= 2 * TYPICAL.settings.smtp.max_message_octets


async def test_check_reads_as_the_program_does(tmp_path: Path) -> None:
    """What is rendered is accepted, what the program cannot read is refused by name."""
    for name, text in DAEMON.render(TYPICAL, {}).items():
        (tmp_path / name).write_text(text)
    await DAEMON.check(TYPICAL, tmp_path, {})
    (tmp_path / FILE).write_text('{"hostnam": "x"}')
    with pytest.raises(ConfigError, match="'hostnam'"):
        await DAEMON.check(TYPICAL, tmp_path, {})


@pytest.mark.parametrize("text", ["", "[]", "{", '{"listen": 1}', '{"hostname": "x"}'])
def test_bad_files(text: str, tmp_path: Path) -> None:
    """A file that is none is one error that names it."""
    path = tmp_path / FILE
    path.write_text(text)
    with pytest.raises(ConfigError, match=FILE):
        Config.read(path)
