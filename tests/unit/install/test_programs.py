"""What is missing, and how that is told."""

import pytest
from tests.unit.fake_daemon import FakeDaemon

from mailstack.errors import MissingProgram
from mailstack.install import programs


def test_nothing_missing() -> None:
    """Programs that are there need no packages."""
    programs.check([FakeDaemon(programs=("sleep",))])


def test_missing_packages_are_named_once() -> None:
    """The error has every package, and the command that installs them."""
    lacking = [
        FakeDaemon(programs=("sleep", "no-such-mta"), packages=("mta", "common")),
        FakeDaemon(programs=("no-such-filter",), packages=("filter", "common")),
        FakeDaemon(programs=("sleep",), packages=("there-already",)),
    ]
    with pytest.raises(MissingProgram) as refused:
        programs.check(lacking)
    assert str(refused.value) == (
        "missing programs: packages mta common filter; install them with: "
        "apt-get install --no-install-recommends mta common filter"
    )
