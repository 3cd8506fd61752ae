"""The documentation says what is there, and its links lead somewhere."""

import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.architecture.source import ROOT, project_files

from mailstack import __version__
from mailstack.cli.app import COMMANDS
from mailstack.generate.__main__ import stale
from mailstack.settings_catalogue import catalogue

PAGES = [path for path in project_files() if path.suffix == ".md"]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def reference(name: str) -> str:
    return (ROOT / "docs" / "reference" / f"{name}.md").read_text()


def test_generated_pages_are_fresh() -> None:
    """What the code generates is committed as it would be generated now."""
    assert stale() == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    """A link to a file of the repository finds it, and its heading."""
    broken = [link for link in LINK.findall(page.read_text()) if not resolves(page, link)]
    assert not broken


def resolves(page: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return True
    path, _, heading = unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not heading or heading in headings(target)


def headings(page: Path) -> set[str]:
    """Anchors as GitHub makes them: lower case, spaces to hyphens, punctuation gone."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in found}


def test_every_setting_is_documented() -> None:
    """A setting that stands in no page does not exist for its owner."""
    page = reference("settings")
    assert [s.name for s in catalogue() if f"`{s.name}`" not in page or not s.description] == []


def test_every_command_is_documented() -> None:
    """Each command has its section, with an example."""
    page = reference("cli")
    assert [name for name in COMMANDS if f"## mailstack {name}" not in page] == []


def test_the_readme_begins_with_the_two_commands() -> None:
    """Ten minutes to a delivered message begin with a command to copy."""
    readme = (ROOT / "README.md").read_text()
    for command in ("./mailstack demo", "make test"):
        assert command in readme[:2500]


def test_one_version() -> None:
    """The package and the program say the same version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__


def test_every_library_has_its_reason() -> None:
    """Each library that is asked for stands in the list of decisions."""
    listed = (ROOT / "docs" / "decisions" / "libraries.md").read_text()
    asked = [
        line.strip()
        for name in ("base", "dev")
        for line in (ROOT / "requirements" / f"{name}.in").read_text().splitlines()
        if line.strip() and not line.startswith(("#", "-r"))
    ]
    assert [name for name in asked if f"**{name}**" not in listed] == []


def test_decisions_are_numbered() -> None:
    """Every decision has its own number, and they run without a gap."""
    numbers = sorted(
        int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("[0-9]*-*.md")
    )
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_decision_is_in_the_index() -> None:
    """The index of decisions lists each of them."""
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    assert [p.name for p in folder.glob("[0-9]*-*.md") if f"({p.name})" not in index] == []
