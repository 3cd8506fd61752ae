"""What OpenDKIM is given at each example site."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.daemons.contract import Outspoken, Overrides, Paths, Site
from mailstack.daemons.opendkim import DAEMON, keeper, override
from mailstack.errors import ConfigError

VERSION = (2, 11, 0)
FEATURES = ("USE_LUA", "ed25519-sha256")
TYPICAL = site("opendkim", version=VERSION, features=FEATURES)
WITHOUT_LUA = site("opendkim", version=(2, 10, 3), in_cluster=True)
"""As Alpine builds it."""


@pytest.mark.parametrize(
    ("name", "where", "overrides"),
    [
        ("typical", TYPICAL, {}),
        (
            "shifted-own-selector",
            site(
                "opendkim",
                version=VERSION,
                offset=20_000,
                settings={"dkim": {"selector": "s1"}},
                features=FEATURES,
            ),
            {},
        ),
        ("cluster", site("opendkim", version=VERSION, in_cluster=True, features=FEATURES), {}),
        ("without-lua", WITHOUT_LUA, {}),
        ("overrides", TYPICAL, {"opendkim.conf": "dnstimeout 3\nMaximumHeaders 131072\n"}),
    ],
)
def test_golden(name: str, where: Site, overrides: Overrides) -> None:
    """A site is rendered to exactly these bytes."""
    assert_golden(f"opendkim/{name}", DAEMON.render(where, overrides))


@pytest.mark.parametrize(
    ("text", "restart"), [("Socket inet:5@127.0.0.1\n", True), ("DNSTimeout 3\n", False)]
)
def test_restart_only_for_the_socket(text: str, restart: bool) -> None:  # noqa: FBT001
    """A running filter reads everything anew but its socket and account."""
    old, new = DAEMON.render(TYPICAL, {}), DAEMON.render(TYPICAL, {"opendkim.conf": text})
    assert DAEMON.restart_needed(old, new) is restart


async def test_what_the_owner_should_know_of_keys(tmp_path: Path) -> None:
    """What the last pass over the keys has found; nothing before there was one."""
    where = replace(TYPICAL, paths=Paths(tmp_path, "opendkim"))
    assert isinstance(DAEMON, Outspoken)
    assert await DAEMON.remark(where) == ""
    where.paths.run.mkdir(parents=True)
    (where.paths.run / keeper.REMARK).write_text("keys of a.example: refused")
    assert await DAEMON.remark(where) == "keys of a.example: refused"


def test_a_name_without_value_is_refused() -> None:
    """The owner's file and line are named."""
    with pytest.raises(ConfigError) as refused:
        override.merge("Mode sv\n", "# mine\nMode\n", Path("/o"))
    assert (refused.value.file, refused.value.line) == (Path("/o/opendkim.conf"), 2)


def test_of_two_lines_the_last_counts() -> None:
    """As with two options of one name."""
    assert override.merge("Mode sv\n", "Mode s\nMODE v\n", Path("/o")) == (
        "# overrides/opendkim/opendkim.conf:2\nMODE v\n"
    )
