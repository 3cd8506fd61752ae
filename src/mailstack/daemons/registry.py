"""Which daemon package runs which service. Packages are imported when asked for."""

from importlib import import_module
from typing import Final

from mailstack.daemons.contract import Daemon

PACKAGES: Final = {
    "resolver": "mailstack.daemons.unbound",
    "couchmail": "mailstack.daemons.couchmail",
    "dovecot": "mailstack.daemons.dovecot",
    "managesieve": "mailstack.daemons.managesieve",
    "opendkim": "mailstack.daemons.opendkim",
    "postgrey": "mailstack.daemons.postgrey",
    "spamd": "mailstack.daemons.spamassassin",
    "spamkeeper": "mailstack.daemons.spamkeeper",
    "trainer": "mailstack.daemons.trainer",
    "contentfilter": "mailstack.daemons.contentfilter",
    "tlspolicy": "mailstack.daemons.tlspolicy",
    "names": "mailstack.daemons.names",
    "letsencrypt": "mailstack.daemons.letsencrypt",
    "postfix": "mailstack.daemons.postfix",
}


def daemon(service: str) -> Daemon:
    """Return the daemon package that runs ``service``.

    Raises:
        KeyError: no package runs it.
    """
    found: Daemon = import_module(PACKAGES[service]).DAEMON
    return found
