"""Merging an owner's main.cf does what ``postconf -e`` does."""

import subprocess
from pathlib import Path

import pytest

from mailstack.daemons.postfix.main_override import merge
from mailstack.daemons.postfix.rehearsal import settle
from mailstack.errors import ConfigError

FOLDER = Path("/overrides/postfix")
BASE = """\
# Who we are.
myhostname = mail.example.org
# Who may come in.
smtpd_helo_restrictions =
    reject_invalid_helo_hostname
    reject_non_fqdn_helo_hostname

relayhost =
"""


@pytest.mark.parametrize(
    "override",
    [
        "relayhost = [smart.example]:587\n",
        "myhostname=a.example\n# a comment\nrelayhost=\n",
        "smtpd_helo_restrictions = reject\n",
        "smtpd_helo_restrictions =\n    permit_sasl_authenticated\n# between\n\n    reject\n",
        "mydomain = example.org\nmyorigin = $mydomain\n",
        "relayhost = one.example\nrelayhost = two.example\n",
        'new = ${stress?{1}:{2}} `touch x` "quoted" $(id)\n',
        "smtp-out_destination_rate_delay = 1s\n",
        "",
    ],
)
def test_as_postconf_would(override: str, tmp_path: Path) -> None:
    """Postfix reads the same values from our merge as from what ``postconf -e`` wrote."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
        (folder / "master.cf").touch()
    (ours / "main.cf").write_text(merge(BASE, override, FOLDER))
    (theirs / "main.cf").write_text(BASE)
    for setting in _joined(override):
        subprocess.run(["postconf", "-c", theirs, "-e", setting], check=True)
    assert _values(ours) == _values(theirs)


def _joined(override: str) -> list[str]:
    """Each setting on one line, since postconf(1) takes no line breaks."""
    lines: list[str] = []
    for line in override.splitlines():
        if line.startswith(" "):
            lines[-1] += line
        elif line and not line.startswith("#"):
            lines.append(line)
    return lines


def _values(folder: Path) -> list[str]:
    settle(folder / "main.cf")
    finished = subprocess.run(
        ["postconf", "-c", folder, "-n"], check=True, capture_output=True, text=True
    )
    lines = finished.stdout.splitlines()
    return [" ".join(line.split()) for line in lines if not line.startswith("config_directory")]


def test_stands_in_the_place_of_ours() -> None:
    """The owner's value stands where ours stood, with its origin above it."""
    merged = merge(BASE, "\nmyhostname = a.example\n", FOLDER)
    assert merged.startswith(
        "# Who we are.\n# overrides/postfix/main.cf:2\nmyhostname = a.example\n# Who may come in.\n"
    )


def test_a_value_of_several_lines_is_replaced_whole() -> None:
    """No continuation line of ours is left behind."""
    assert "reject_invalid" not in merge(BASE, "smtpd_helo_restrictions = reject\n", FOLDER)


@pytest.mark.parametrize(
    ("override", "line", "what"),
    [
        ("relayhost\n", 1, "sets no parameter"),
        ("\n= x\n", 2, "sets no parameter"),
        ("# c\nrelay host = x\n", 2, "sets no parameter"),
        ("  relayhost = x\n", 1, "nothing that it continues"),
    ],
)
def test_refused(override: str, line: int, what: str) -> None:
    """A line that sets nothing is refused with its number."""
    with pytest.raises(ConfigError, match=what) as refused:
        merge(BASE, override, FOLDER)
    assert refused.value.line == line
    assert refused.value.file == FOLDER / "main.cf"
