"""The master user: the trainer reads every mailbox over IMAP with one password of its own.

The password is ``STATE/secure/imap.master``. Dovecot is given only its digest, in a file that its
auth process alone may read: nothing that is rendered, printed by ``doveconf`` or visible in a
process list tells it, whatever an owner overrides. It opens IMAP and nothing else, and only to a
service of the stack (``allow_nets``).

Who is meant is said in SASL's own words, the authorization identity of PLAIN (RFC 4616): Dovecot's
other way, both names in one login with a separator between, would take that character from the
addresses of users.
"""

import base64
import hashlib
import os
from pathlib import Path
from typing import Final

from mailstack.aio.files import replace_text
from mailstack.daemons import networks
from mailstack.daemons.contract import Site

NAME: Final = "trainer"
"""Of the master user. No address, so it can never be a user's."""

SECRET: Final = "imap.master"  # noqa: S105 - the name of its file

_PLACE: Final = "logins/master"
"""Inside the run folder, where Dovecot has a socket called ``master``."""
_FOLDER_MODE: Final = 0o750
_FILE_MODE: Final = 0o640


def sasl_plain(address: str, secret: str) -> bytes:
    """Spell the SASL PLAIN response that opens the mailbox of ``address``, before base64."""
    return f"{address}\0{NAME}\0{secret}".encode()


def users_file(site: Site) -> Path:
    """The passwd-file in which Dovecot looks the master user up."""
    return site.paths.run / _PLACE


def allowed_networks(site: Site) -> str:
    """From where the master user may come, as ``allow_nets`` spells it."""
    nets = networks.of_services(site.addresses["dovecot.lmtp"])
    own = site.addresses["dovecot.imaps"].host
    # A connection of this machine to an address of its own comes from that very address.
    return ",".join(nets if own == "all" else dict.fromkeys((*nets, own)))


def write(site: Site, reader: int) -> None:
    """Give Dovecot the digest, readable by group ``reader``; no secret, no master user."""
    file = users_file(site)
    file.parent.mkdir(exist_ok=True)
    os.chown(file.parent, os.geteuid(), reader)
    file.parent.chmod(_FOLDER_MODE)
    replace_text(file, _entry(site.paths.secure / SECRET), mode=_FILE_MODE, group=reader)


def _entry(secret: Path) -> str:
    """One line of passwd-file; the plain digest of 256 random bits cannot be guessed back."""
    try:
        password = secret.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
    digest = base64.b64encode(hashlib.sha512(password.encode()).digest()).decode()
    return f"{NAME}:{{SHA512}}{digest}\n"
