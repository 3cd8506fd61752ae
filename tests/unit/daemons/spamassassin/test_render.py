"""What SpamAssassin is given at each example site."""

from pathlib import Path

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.daemons.contract import Overrides, Site
from mailstack.daemons.spamassassin import DAEMON, lint

VERSION = (4, 0, 1)
TYPICAL = site("spamd", version=VERSION)
OWN = {"spam": {"network_tests": False, "children": 1, "threshold": 7.5}}
STAGED = Path("/srv/mail/conf/spamd/0002")


@pytest.mark.parametrize(
    ("name", "where", "overrides"),
    [
        ("typical", TYPICAL, {}),
        ("local-tests", site("spamd", version=VERSION, offset=20_000, settings=OWN), {}),
        ("cluster", site("spamd", version=VERSION, in_cluster=True), {}),
        ("overrides", TYPICAL, {"own.cf": "score GTUBE 50\n", "own.pre": "# none\n"}),
    ],
)
def test_golden(name: str, where: Site, overrides: Overrides) -> None:
    """A site is rendered to exactly these bytes, and started with these arguments."""
    (command,) = DAEMON.commands(where)
    files = {**DAEMON.render(where, overrides), "arguments": "\n".join(command.argv) + "\n"}
    assert_golden(f"spamassassin/{name}", files)


def test_overrides_are_read_last() -> None:
    """SpamAssassin reads the files of its site folder in the order of their names."""
    names = sorted(DAEMON.render(TYPICAL, {"00.cf": "", "00.pre": ""}))
    assert names[-2:] == ["local.cf", "override-00.cf"] or names[-1] == "override-00.pre"
    assert names.index("local.cf") < names.index("override-00.cf")
    assert names.index("init.pre") < names.index("override-00.pre")


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (f"config: failed to parse line in {STAGED}/override-own.cf (line 2): nonsense 3", 2),
        ("config: invalid regexp for OWN_RULE '/(/': Unmatched (", 1),
        ("plugin: failed to parse plugin (from @INC): Can't locate Mail/Own.pm in @INC (x)", 4),
    ],
)
def test_refusal_names_the_owners_line(words: str, place: int) -> None:
    """Told by SpamAssassin, or found by the name of the rule or plugin that it complains about."""
    text = "header OWN_RULE Subject =~ /(/\nnonsense 3\n\nloadplugin Mail::Own\n"
    output = f"Nov 28 02:40:29.632 [9017] warn: {words}\nlint: 1 issues detected\n"
    error = lint.refusal(output, TYPICAL, STAGED, {"own.cf": text})
    assert (error.file, error.line) == (Path("/srv/mail/overrides/spamd/own.cf"), place)
    assert "@INC (x)" not in str(error)
