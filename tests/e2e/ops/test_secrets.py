"""Keys and passwords stay where they belong: in files that few may read, and nowhere else."""

import stat
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.stack import Stack

from mailstack.demo.client import hand_over


def _secrets(stack: Stack) -> list[bytes]:
    """Return the middle of each secret on disk, as it would show in a text."""
    found = []
    for file in (stack.state / "secure").rglob("*"):
        if file.is_file() and not file.name.startswith("fullchain"):
            lines = [line for line in file.read_bytes().splitlines() if b"---" not in line]
            found += [line.strip()[:40] for line in lines if len(line.strip()) >= 16][1:2]
            found += [lines[0].strip()] if len(lines) == 1 else []
    return [secret for secret in found if len(secret) >= 16]


def _texts(stack: Stack) -> Iterator[tuple[Path, bytes]]:
    for folder in ("log", "conf"):
        for file in (stack.state / folder).rglob("*"):
            if file.is_file():
                yield file, file.read_bytes()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            for name in ("cmdline", "environ"):
                try:
                    yield process / name, (process / name).read_bytes()
                except OSError:
                    continue  # it has ended meanwhile


def test_secrets_show_nowhere(stack: Stack) -> None:
    """No password and no key is in a log, in a rendered file, or in the list of processes."""
    user = stack.user()
    user.password.encode()
    with stack.submission(user) as session:
        hand_over(session, user.address, ["x@other.example"], b"Subject: x\r\n\r\nx\r\n")
    with stack.mailbox(user):
        pass
    hidden = [*_secrets(stack), user.password.encode()]
    assert len(hidden) >= 3
    for where, text in _texts(stack):
        for secret in hidden:
            assert secret not in text, f"a secret shows in {where}"


def test_file_modes(stack: Stack) -> None:
    """Only its owner reads a secret; nobody but root writes what daemons read."""
    secure = stack.state / "secure"
    assert stat.S_IMODE(secure.stat().st_mode) == 0o711
    for path in secure.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode & 0o066 == 0, f"{path}: {mode:o}"
        elif path.name != "fullchain.pem":
            assert mode & 0o077 == 0, f"{path}: {mode:o}"
    for path in (stack.state / "conf").rglob("*"):
        if not path.is_symlink():
            status = path.stat()
            assert status.st_uid == 0, path
            assert status.st_mode & 0o022 == 0, f"{path}: {status.st_mode:o}"
