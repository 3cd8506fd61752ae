"""The layers of ARCHITECTURE.md, as `make check` proves them."""

import configparser
import logging
import re
from collections.abc import Iterator

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports
from tests.architecture.source import ROOT, SRC

CONTRACTS = ROOT / ".importlinter"


@pytest.fixture
def _loggers_stay() -> Iterator[None]:
    """The linter configures logging, which turns off every logger that is there already."""
    yield
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False


@pytest.mark.usefixtures("_loggers_stay")
def test_every_contract_is_kept() -> None:
    """No module imports what lies above it."""
    assert lint_imports(str(CONTRACTS), no_cache=True) == EXIT_STATUS_SUCCESS


def test_every_contract_has_its_sentence() -> None:
    """A rule without its reason is a rule that someone removes."""
    text = CONTRACTS.read_text()
    headings = re.findall(r"^\[importlinter:contract:.*\]\n(.)", text, re.MULTILINE)
    assert headings
    assert set(headings) == {"#"}


def test_every_package_has_a_place() -> None:
    """A new package is put into a layer on the day it is made."""
    parsed = configparser.ConfigParser()
    parsed.read(CONTRACTS)
    named = " ".join(value for section in parsed.values() for value in section.values())
    packages = [path.parent.name for path in SRC.glob("*/__init__.py")]
    assert [name for name in packages if not re.search(rf"mailstack\.{name}\b", named)] == []
