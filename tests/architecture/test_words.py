"""What stands in no file of the project."""

import re

import pytest
from tests.architecture.source import ROOT, project_files

FORBIDDEN = {
    "the host of a package registry": r"(pypi|pythonhosted|npmjs)\.(org|com)"
    r"|(deb|security)\.debian\.org",
    "a note to oneself": r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b",
    "a path of somebody's machine": r"(?<![\w/])/(work|home|Users)/\w",
    "a conflict": r"^(<{7}|>{7}) ",
}
HERE = ROOT / "tests" / "architecture" / "test_words.py"


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    """Files speak of the project alone, and nothing in them is waiting to be done."""
    pattern = re.compile(FORBIDDEN[what], re.MULTILINE)
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in project_files()
        if path != HERE
        if (match := pattern.search(path.read_text(errors="replace")))
    ]
    assert not found
