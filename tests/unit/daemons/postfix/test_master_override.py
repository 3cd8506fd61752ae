"""Merging an owner's master.cf does what ``postconf -M`` and ``-P`` do."""

import subprocess
from pathlib import Path

import pytest

from mailstack.daemons.postfix.master_override import merge
from mailstack.daemons.postfix.rehearsal import settle
from mailstack.errors import ConfigError

FOLDER = Path("/overrides/postfix")
NAMES = {"submission": "127.0.0.1:4587"}
BASE = """\
# Users.
127.0.0.1:4587 inet n - y - - smtpd
    -o smtpd_tls_security_level=encrypt
    -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }
# The queue.
qmgr unix n - n 300 1 qmgr
smtp unix - - y - - smtp
"""


@pytest.mark.parametrize(
    ("override", "arguments"),
    [
        ("qmgr unix n - n 100 1 qmgr -v\n", ["-M", "qmgr/unix=qmgr unix n - n 100 1 qmgr -v"]),
        (
            "extra unix - - n - - pipe\n    flags=R user=nobody argv=/bin/true\n",
            ["-M", "extra/unix=extra unix - - n - - pipe flags=R user=nobody argv=/bin/true"],
        ),
        ("smtp/unix/smtp_helo_timeout = 5s\n", ["-P", "smtp/unix/smtp_helo_timeout=5s"]),
        (
            "submission/inet/smtpd_tls_security_level=may\n",
            ["-P", "127.0.0.1:4587/inet/smtpd_tls_security_level=may"],
        ),
        (
            "submission inet n - n - 5 smtpd -v\n",
            ["-M", "127.0.0.1:4587/inet=127.0.0.1:4587 inet n - n - 5 smtpd -v"],
        ),
    ],
)
def test_as_postconf_would(override: str, arguments: list[str], tmp_path: Path) -> None:
    """Postfix reads the same services from our merge as from what postconf(1) wrote."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
        (folder / "main.cf").write_text("compatibility_level = 3.6\n")
        settle(folder / "main.cf")
    (ours / "master.cf").write_text(merge(BASE, override, FOLDER, NAMES))
    (theirs / "master.cf").write_text(BASE)
    subprocess.run(["postconf", "-c", theirs, *arguments], check=True)
    assert _services(ours) == _services(theirs)


def _services(folder: Path) -> list[list[str]]:
    finished = subprocess.run(
        ["postconf", "-c", folder, "-Mf"], check=True, capture_output=True, text=True
    )
    services: list[list[str]] = []
    for line in finished.stdout.splitlines():
        if line.startswith(" "):
            services[-1] += line.split()
        else:
            services.append(line.split())
    return sorted(services)


def test_a_value_of_several_words() -> None:
    """What ``postconf -P`` cannot write is put into braces (master(5), since 3.0)."""
    text = "submission/inet/smtpd_client_restrictions = permit_sasl_authenticated,\n  reject\n"
    merged = merge(BASE, text, FOLDER, NAMES)
    option = "{ smtpd_client_restrictions = permit_sasl_authenticated, reject }"
    assert f"    -o {option}\n" in merged
    assert merged.count("smtpd_client_restrictions") == 1


def test_two_parameters_of_one_service() -> None:
    """The second setting builds on the first."""
    text = "smtp/unix/smtp_helo_timeout = 5s\nsmtp/unix/smtp_bind_address = 192.0.2.1\n"
    merged = merge(BASE, text, FOLDER, NAMES)
    assert "    -o smtp_helo_timeout=5s\n    -o smtp_bind_address=192.0.2.1\n" in merged


@pytest.mark.parametrize(
    ("override", "line", "what"),
    [
        ("qmgr unix n - n 300\n", 1, "is no service"),
        ("qmgr tcp n - n 300 1 qmgr\n", 1, "is no service"),
        ("\nnone/unix/x = y\n", 2, "there is no service none/unix"),
    ],
)
def test_refused(override: str, line: int, what: str) -> None:
    """A line of neither form is refused with its number."""
    with pytest.raises(ConfigError, match=what) as refused:
        merge(BASE, override, FOLDER, NAMES)
    assert (refused.value.file, refused.value.line) == (FOLDER / "master.cf", line)
