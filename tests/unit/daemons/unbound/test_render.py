"""What unbound is given at each example site."""

from pathlib import Path

import pytest
from tests.golden.compare import assert_golden
from tests.golden.sites import site

from mailstack.daemons.contract import Overrides, Site
from mailstack.daemons.unbound import DAEMON, render
from mailstack.daemons.unbound.control import refusal

VERSION = (1, 17, 1)
TYPICAL = site("resolver", version=VERSION)
FORWARDING = {"dns": {"forward": ["192.0.2.53@53", "127.0.0.1@5399"], "dnssec": False}}
TWO = {"a.conf": "server:\n    num-threads: 2", "b.conf": "server:\n\n    nonsense: 1\n"}


@pytest.mark.parametrize(
    ("name", "where", "overrides"),
    [
        ("typical", TYPICAL, {}),
        (
            "shifted-forwarding",
            site("resolver", version=VERSION, offset=20_000, settings=FORWARDING),
            {},
        ),
        ("cluster", site("resolver", version=VERSION, in_cluster=True), {}),
        ("overrides", TYPICAL, TWO),
    ],
)
def test_golden(name: str, where: Site, overrides: Overrides) -> None:
    """A site is rendered to exactly these bytes."""
    assert_golden(f"unbound/{name}", DAEMON.render(where, overrides))


def test_every_line_of_an_owner_is_found_again() -> None:
    """A line of the one file that unbound reads leads to the file and line that the owner wrote."""
    lines = DAEMON.render(TYPICAL, TWO)["unbound.conf"].splitlines()
    origins = render.origins("\n".join(lines), TWO)
    assert origins[lines.index("    num-threads: 2") + 1] == render.Origin("a.conf", 2)
    assert origins[lines.index("    nonsense: 1") + 1] == render.Origin("b.conf", 3)
    assert lines.index("server:") + 1 not in origins


def test_refusal_names_the_owners_line() -> None:
    """The words are unbound's own."""
    text = DAEMON.render(TYPICAL, TWO)["unbound.conf"]
    line = text.splitlines().index("    nonsense: 1") + 1
    said = f"/x/unbound.conf:{line}: error: unknown keyword 'nonsense'\nread failed: 1 errors\n"
    error = refusal(said, text, TYPICAL, TWO)
    assert (error.file, error.line) == (Path("/srv/mail/overrides/resolver/b.conf"), 3)
    assert "unknown keyword 'nonsense'" in str(error)
    fatal = refusal("[1795] unbound-checkconf[7:0] fatal error: no such key\n", text, TYPICAL, TWO)
    assert str(fatal) == "unbound refuses the configuration: no such key"


@pytest.mark.parametrize(
    ("override", "restart"), [("interface: 127.0.0.9", True), ("num-threads: 2", False)]
)
def test_restart_for_what_root_opened(override: str, restart: bool) -> None:  # noqa: FBT001
    """After root is given up no low port can be opened; everything else a reload reads."""
    new = DAEMON.render(TYPICAL, {"own.conf": f"server:\n    {override}\n"})
    assert DAEMON.restart_needed(DAEMON.render(TYPICAL, {}), new) is restart
