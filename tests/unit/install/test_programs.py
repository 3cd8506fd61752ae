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


def test_a_module_of_a_daemon_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its programs are there, a package of Perl's is not: that one alone is named."""
    monkeypatch.setattr(programs, "installed", lambda _: frozenset({"spamd"}))
    spamd = FakeDaemon(programs=("sleep",), packages=("spamd", "libmail-spf-perl"))
    built_by_hand = FakeDaemon(programs=("sleep",), packages=("postfix",))
    assert programs.missing_packages([spamd, built_by_hand]) == ["libmail-spf-perl"]


def test_debian_is_asked_what_is_installed() -> None:
    """A package that Debian does not know, or has only the rest of, is not installed."""
    if not programs.is_found("dpkg-query"):
        pytest.skip("not Debian")
    assert programs.installed({"dpkg", "no-such-package"}) == {"dpkg"}
