"""Whether forwarded mail is sealed: told to the milter that seals, and to Postfix that asks it."""

from typing import Any

import pytest
from tests.golden.sites import site

from mailstack.daemons.opendkim import DAEMON, sealer
from mailstack.daemons.postfix import DAEMON as POSTFIX


@pytest.mark.parametrize(
    ("identity", "wanted"),
    [({}, True), ({"seal": False}, False), ({"check": False}, False)],
)
def test_both_sides_agree(identity: dict[str, Any], *, wanted: bool) -> None:
    """Without a verdict, or where it is not wanted, nobody listens and nobody asks."""
    settings = {"identity": identity}
    ours = site("opendkim", version=(2, 11, 0), settings=settings)
    assert (sealer.FILE in DAEMON.render(ours, {})) is wanted
    theirs = site("postfix", version=(3, 7, 11), settings=settings)
    main = POSTFIX.render(theirs, {})["main.cf"]
    assert ("forwarded_milters = {" in main) is wanted
    assert "\nforwarded_milters =" in main
