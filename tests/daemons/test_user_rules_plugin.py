"""Our plugin in SpamAssassin itself: the same tables of rules, without making them anew."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.daemons.keeper_stage import LOCAL
from tests.daemons.stage import commit, site_for, state_folder

from mailstack.aio import command
from mailstack.daemons.contract import Site
from mailstack.daemons.spamassassin import DAEMON
from mailstack.errors import MissingProgram
from mailstack.spamkeeper.rules import CURRENT

try:
    DAEMON.version()
except MissingProgram as missing:
    pytest.skip(str(missing), allow_module_level=True)

LISTS = "required_score 3\nblocklist_from *@example.com\nscore MISSING_SUBJECT 4\n"
RULES = LISTS + "body USER_NOON /noon/i\nscore USER_NOON 2\nheader USER_HI Subject =~ /hi/\n"
READ = Path(__file__).with_name("user_rules_tables.pl")


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


async def tables(site: Site, prefs: str, *, plugin: bool) -> dict[str, Any]:
    """What SpamAssassin makes of all rules and then of a user's preferences."""
    folder = site.paths.state / ("with" if plugin else "without")
    folder.mkdir(exist_ok=True)
    for path in site.paths.conf.iterdir():
        lines = path.read_text().splitlines(keepends=True)
        kept = lines if plugin else [line for line in lines if "UserRules.pm" not in line]
        (folder / path.name).write_text("".join(kept))
    preferences = site.paths.state / "user_prefs"
    preferences.write_text(prefs)
    rules = site.paths.data / "rules" / ".".join(map(str, site.version)) / CURRENT
    argv = ["perl", *map(str, (READ, folder, rules, preferences, site.paths.state))]
    finished = await command.run(argv, timeout_s=60)
    assert finished.status == 0, finished.output
    found: dict[str, Any] = json.loads(finished.output)
    return found


@pytest.mark.parametrize("prefs", [LISTS, RULES], ids=["lists", "rules"])
async def test_the_same_rules_without_compiling_them_anew(state: Path, prefs: str) -> None:
    """Preferences leave every table as SpamAssassin makes it; no meta rule is compiled again."""
    site = site_for(DAEMON, state, offset=0, settings=LOCAL)
    DAEMON.prepare(site)
    await commit(DAEMON, site)
    ours = await tables(site, prefs, plugin=True)
    theirs = await tables(site, prefs, plugin=False)
    differing = {
        name for name in theirs["tables"] if ours["tables"][name] != theirs["tables"][name]
    }
    assert not differing
    assert ours["kept"] == ours["metas"] > 100
    assert theirs["kept"] < theirs["metas"], "SpamAssassin does it no longer: drop the plugin"
