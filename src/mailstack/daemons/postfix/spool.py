"""The folders Postfix works in, and the small /etc of its chroot.

``postfix set-permissions`` would also touch the machine's own Postfix, so the folders of the queue
are made here; their owners and modes are those of Postfix's own list (postfix-files).
"""

import os
from pathlib import Path

from mailstack.daemons.accounts import account, group
from mailstack.daemons.contract import Site
from mailstack.daemons.postfix.tls import REPORT_SOCKET
from mailstack.reports.tls.config import KEPT

OWNER = "postfix"
"""``mail_owner``: everything of Postfix but master runs as this account."""
SETGID_GROUP = "postdrop"

_ROOTS_OWN = ("", "pid")
_PRIVATE = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold"),
    *("incoming", "private", "saved", "trace"),
)
_CHROOT_COPIES = ("hosts", "services", "localtime", "host.conf")
"""Of the machine's /etc; what is missing there is not needed."""
_NSSWITCH = "hosts: files dns\nservices: files\nprotocols: files\n"


def prepare(site: Site) -> None:
    """Make queue, state folder and chroot. Idempotent; mail in the queue is kept."""
    spool = site.paths.data / "spool"
    owner = account(OWNER)
    droppers = group(SETGID_GROUP)
    for name in _ROOTS_OWN:
        _folder(spool / name, 0o755, 0, 0)
    for name in _PRIVATE:
        _folder(spool / name, 0o700, owner.uid, 0)
    _folder(spool / "public", 0o710, owner.uid, droppers)
    reports = (spool / REPORT_SOCKET).parent
    _folder(reports, 0o755, 0, 0)
    _folder(reports / KEPT, 0o700, owner.uid, owner.gid)
    _folder(spool / "maildrop", 0o1730, owner.uid, droppers)
    _folder(site.paths.data / "state", 0o700, owner.uid, owner.gid)
    _chroot(spool / "etc", site.resolver)


def _folder(path: Path, mode: int, uid: int, gid: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, uid, gid)
    path.chmod(mode)


def _chroot(etc: Path, resolver: str) -> None:
    _folder(etc, 0o755, 0, 0)
    for name in _CHROOT_COPIES:
        source = Path("/etc") / name
        if source.exists():
            _write(etc / name, source.read_bytes())
    _write(etc / "nsswitch.conf", _NSSWITCH.encode())
    _write(etc / "resolv.conf", _resolv_conf(resolver))


def _resolv_conf(resolver: str) -> bytes:
    """Name the stack's resolver; without one (in a pod) the machine's own is copied."""
    if not resolver:
        return Path("/etc/resolv.conf").read_bytes()
    return (
        f"# Written by mailstack.\nnameserver {resolver}\noptions timeout:5 attempts:2\n".encode()
    )


def _write(path: Path, data: bytes) -> None:
    """Replace ``path`` whole, and only when it differs: a running Postfix reads it."""
    if path.exists() and path.read_bytes() == data:
        return
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(data)
    new.chmod(0o644)
    new.replace(path)
