"""What spamd shares with the keeper (``mailstack.spamkeeper``): users' folders, rules, its pid.

The keeper writes there and spamd reads, or each locks what it writes; spamd starts and scans
without the keeper, too.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from mailstack.aio.files import point_link
from mailstack.daemons.contract import Paths, Site, Version
from mailstack.daemons.program import own, own_folder
from mailstack.spamkeeper.folders import SPAMD_PATTERN
from mailstack.spamkeeper.rules import CURRENT

DEBIANS_RULES: Final = Path("/usr/share/spamassassin")


def users(spamd: Paths) -> Path:
    """Return the folder of all users' folders."""
    return spamd.data / "users"


def pattern(spamd: Paths) -> str:
    """Return what ``--virtual-config-dir`` gets."""
    return str(users(spamd) / SPAMD_PATTERN)


def rules(spamd: Paths, version: Version) -> Path:
    """Return the folder of rules for one release of SpamAssassin."""
    return spamd.data / "rules" / ".".join(map(str, version))


def pid_file(spamd: Paths) -> Path:
    """Return where spamd says which process it is, each time it has read everything."""
    return spamd.run / "spamd.pid"


def prepare(site: Site) -> None:
    """Make the folders; the rules are Debian's until the keeper has fetched others."""
    for folder in (site.paths.data, site.paths.run):
        # in a pod this is where a volume is mounted, and root's
        folder.mkdir(parents=True, exist_ok=True)
        own(folder, site.account)
    own_folder(users(site.paths), site.account)
    own_folder(site.paths.data / "rules", site.account, 0o755)
    here = rules(site.paths, site.version)
    for other in here.parent.iterdir():
        if other != here:
            shutil.rmtree(other, ignore_errors=True)
    own_folder(here, site.account, 0o755)
    if not (here / CURRENT).exists():
        point_link(here / CURRENT, str(DEBIANS_RULES))
        if os.geteuid() == 0:
            os.lchown(here / CURRENT, site.account.uid, site.account.gid)
