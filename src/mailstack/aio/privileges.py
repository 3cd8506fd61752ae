"""Give up root for good, after everything that needs it is done.

A service of ours starts as root when the machine's owner started the stack so: it imports, opens
what only root may open, and then becomes its own account, by numbers (no passwd entry is needed).
Nothing may be imported afterwards: the interpreter may lie under a folder that the account cannot
read, such as /root. ``sys.addaudithook`` shows whether that holds; see tests/unit/couchmail.
"""

import os

from mailstack.aio import prctl
from mailstack.errors import ServiceFailed


def drop(uid: int, gid: int, groups: tuple[int, ...] = ()) -> None:
    """Become ``uid`` and ``gid``, with no way back. Does nothing unless the process is root.

    Raises:
        ServiceFailed: root remains within reach; the process must not go on.
    """
    if os.geteuid() != 0 or uid == 0:
        return
    parent = os.getppid()
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (gid, gid, gid):
        raise ServiceFailed(f"the process did not become account {uid}:{gid}")
    prctl.end_with(parent)
