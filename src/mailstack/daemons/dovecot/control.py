"""How Dovecot is rendered, checked, run, reloaded and asked whether it works."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from mailstack.daemons import certificate
from mailstack.daemons.accounts import group
from mailstack.daemons.contract import (
    Account,
    Command,
    Files,
    Overrides,
    Site,
    Version,
)
from mailstack.daemons.debian import release
from mailstack.daemons.dovecot import checker, facts, master, probe, render23, render24
from mailstack.daemons.dovecot.version import installed_version

LUA_SINCE = 13
"""Debian 13 has Dovecot 2.4."""


class Dovecot:
    """Mailboxes: LMTP delivery, sieve, IMAP, logins."""

    name = "dovecot"
    programs: Sequence[str] = ("dovecot", "doveconf", "sievec", "socat")
    override_files: Sequence[str] = ("*.conf",)

    def __init__(self) -> None:
        # Dovecot 2.4 asks couchmail by a script in Lua (render24.py).
        lua = ("dovecot-auth-lua", "lua-socket", "lua-cjson") if release() >= LUA_SINCE else ()
        imap = ("dovecot-imapd", "dovecot-lmtpd", "dovecot-sieve", "socat")
        self.packages: Sequence[str] = imap + lua

    def version(self) -> Version:
        """Ask ``dovecot --version``."""
        return installed_version()

    def prepare(self, site: Site) -> None:
        """Create the mail and run folders; let the master user in."""
        _own_folder(site.paths.data / "mail", facts.MAIL_ACCOUNT, 0o700)
        masters, sockets = _accounts(site)
        _own_folder(site.paths.run, masters, 0o755)
        _own_folder(site.paths.run / "state", masters, 0o755)
        _own_folder(site.paths.run / facts.SOCKET_FOLDER, sockets, 0o750)
        master.write(site, reader=sockets.gid)
        certificate.prepare(site)

    def render(self, site: Site, overrides: Overrides) -> Files:
        """In the dialect of the installed version; overrides are read last."""
        dialect = render23 if site.version < facts.DIALECT_24 else render24
        theirs = {f"{facts.OVERRIDES}/{name}": text for name, text in overrides.items()}
        return {**dialect.render(site), **theirs}

    async def check(self, site: Site, folder: Path, overrides: Overrides) -> None:
        """Let doveconf read it, and compile our scripts into ``folder``."""
        del overrides  # doveconf names the file itself
        await checker.check(site, folder)

    def commands(self, site: Site) -> Sequence[Command]:
        """Dovecot's master, and socat between its dict socket and couchmail."""
        master = ("dovecot", "-F", "-c", str(site.paths.conf / "dovecot.conf"))
        return (
            Command(master, stop_timeout_s=20),
            Command(_socat(site), account=_accounts(site)[1], name="socat"),
        )

    def restart_needed(self, old: Files, new: Files) -> bool:
        """Never: a reload reads everything, listeners included."""
        del old, new
        return False

    async def reload(self, site: Site, pid: int) -> None:
        """SIGHUP: new processes get the new configuration, open sessions go on."""
        del site
        os.kill(pid, signal.SIGHUP)

    async def probe(self, site: Site) -> None:
        """Greet over IMAP, LMTP and SASL."""
        await probe.probe(site)


def _own_folder(path: Path, owner: Account, mode: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, owner.uid, owner.gid)
    path.chmod(mode)


def _accounts(site: Site) -> tuple[Account, Account]:
    """Return the master's and the sockets' account.

    Sockets let mail processes in as the owner, the auth process by its group.
    """
    if facts.is_unprivileged(site):
        return facts.MAIL_ACCOUNT, facts.MAIL_ACCOUNT
    return Account(0, 0), Account(facts.MAIL_ACCOUNT.uid, group(facts.OWN_GROUP))


def _socat(site: Site) -> Sequence[str]:
    socket = facts.dict_socket(site)
    couchmail = site.addresses["couchmail.dict"]
    return (
        "socat",
        f"UNIX-LISTEN:{socket},fork,mode=0660,unlink-early,max-children={facts.MAX_DICT_CLIENTS}",
        f"TCP:{couchmail},connect-timeout=5",
    )
