"""Our plugin in SpamAssassin itself: the configuration is put back where it may have changed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.daemons.keeper_stage import LOCAL
from tests.daemons.stage import commit, site_for, state_folder

from mailstack.aio import command
from mailstack.daemons.spamassassin import DAEMON
from mailstack.errors import MissingProgram
from mailstack.spamkeeper.rules import CURRENT

try:
    DAEMON.version()
except MissingProgram as missing:
    pytest.skip(str(missing), allow_module_level=True)

RUN = Path(__file__).with_name("restore.pl")
MARK, THRESHOLD = 99, 5
"""What stays where nothing was put back, and what is put back."""


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


async def test_a_ping_puts_nothing_back(state: Path) -> None:
    """Preferences and messages end with their connection; one without either costs nothing."""
    site = site_for(DAEMON, state, offset=0, settings=LOCAL)
    DAEMON.prepare(site)
    await commit(DAEMON, site)
    preferences = state / "user_prefs"
    preferences.write_text("required_score 3\n")
    rules = site.paths.data / "rules" / ".".join(map(str, site.version)) / CURRENT
    argv = ["perl", *map(str, (RUN, site.paths.conf, rules, preferences, state))]
    finished = await command.run(argv, timeout_s=60)
    assert finished.status == 0, finished.output
    assert json.loads(finished.output) == {
        "first": MARK,
        "ping": MARK,
        "prefs": THRESHOLD,
        "again": MARK,
        "message": THRESHOLD,
        "last": MARK,
    }
