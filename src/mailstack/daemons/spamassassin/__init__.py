"""SpamAssassin: scores messages."""

from mailstack.daemons.spamassassin.control import SpamAssassin

DAEMON = SpamAssassin()
