"""What Postgrey is told on its command line, but for the whitelists.

Rendered as a file too, so that a change of it is seen as one that needs a restart.
"""

from mailstack.daemons.contract import Site
from mailstack.daemons.postgrey.text import GREYLISTED

NAME = "options"


def options(site: Site) -> tuple[str, ...]:
    peer = site.addresses["postgrey.policy"]
    where = f"*:{peer.port}" if peer.host == "all" else str(peer)
    return (
        f"--inet={where}",
        f"--dbdir={site.paths.data / 'triplets'}",
        # It runs as this account already; without these it would insist on its own default.
        f"--user={site.account.uid}",
        f"--group={site.account.gid}",
        f"--delay={site.settings.greylist.delay}",
        f"--hostname={site.settings.hostname}",
        f"--greylist-text={GREYLISTED}",
        # Who wrote to whom is kept as hashes only.
        "--privacy",
    )
