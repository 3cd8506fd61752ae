"""Dovecot: mailboxes, delivery, sieve, logins."""

from mailstack.daemons.dovecot.control import Dovecot

DAEMON = Dovecot()
