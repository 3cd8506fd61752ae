"""Small tables beside ``main.cf``: what users' mail does not tell, whom postscreen knows."""

from mailstack.daemons.contract import Site
from mailstack.daemons.postfix.endpoints import EVERYWHERE

LOOPBACK = ("127.0.0.1", "::1")


def submission_headers(site: Site) -> str:
    """Render header_checks(5) for messages of users.

    Postfix's own Received: is the first to be checked, so it is rewritten and keeps queue id, host
    and time; what it said of the user's network is dropped. A Received: of another form was written
    by the user's program.
    """
    host = site.settings.hostname
    pattern = host.replace(".", r"\.")
    return f"""\
# Written by mailstack: what a user's message does not tell the world.
# Where the user sits: our own Received: keeps host, queue id and time.
/^Received: from .*[[:space:]](by {pattern} .*)$/
    REPLACE Received: from authenticated-user ({host}) $1
/^X-Originating-IP:/  IGNORE
# Which program, and so which holes.
/^User-Agent:/        IGNORE
/^X-Mailer:/          IGNORE
/^X-Enigmail/         IGNORE
/^X-Pgp-Agent:/       IGNORE
"""


def postscreen_access(site: Site) -> str:
    """Render cidr_table(5): who need not wait for the greeting.

    A connection from this machine is our own probe; a blocklist knows nothing of it. It skips
    postscreen and nothing else.
    """
    own = site.addresses["postfix.smtp"].host
    hosts = LOOPBACK if own in (EVERYWHERE, *LOOPBACK) else (*LOOPBACK, own)
    return "# Written by mailstack: this machine itself.\n" + "".join(
        f"{host}  permit\n" for host in hosts
    )
