"""Accounts of this machine, as numbers to run as.

A daemon's account is created by its package (``opendkim``, ``postgrey``); a program of ours has a
number that needs no entry in passwd(5).
"""

import grp
import os
import pwd

from mailstack.daemons.contract import Account
from mailstack.errors import MissingProgram

ROOT = Account(0, 0)
"""For masters that open low ports and drop privileges themselves."""


def account(name: str | int) -> Account:
    """Look up ``name`` with all its groups; a number stands for itself.

    Raises:
        MissingProgram: no such account, so the package that makes it is not installed.
    """
    if isinstance(name, int):
        return Account(name, name)
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise _missing(f"there is no account {name!r}") from None
    groups = os.getgrouplist(name, entry.pw_gid)
    return Account(entry.pw_uid, entry.pw_gid, tuple(g for g in groups if g != entry.pw_gid))


def group(name: str) -> int:
    """Look up the number of group ``name``.

    Raises:
        MissingProgram: no such group.
    """
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise _missing(f"there is no group {name!r}") from None


def _missing(what: str) -> MissingProgram:
    return MissingProgram(what, advice="install the package that creates it")
