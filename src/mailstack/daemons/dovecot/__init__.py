"""Dovecot: mailboxes, delivery, sieve, logins.

How the trainer reads a mailbox: link it to ``dovecot.imaps``; connect there with TLS; authenticate
by SASL PLAIN as the master user (``master.py``), which opens every mailbox and IMAP only::

    secret = (secure / master.SECRET).read_text().strip()   # 0600: read it before giving up root
    client.authenticate("PLAIN", lambda _: master.sasl_plain("ann@example.org", secret))

That file is made by ``agent/secrets.py``. The certificate to expect is
``STATE/secure/tls/fullchain.pem``, for the name ``settings.hostname``.
A refusal with ``[AUTHORIZATIONFAILED]`` means that there is no such user (or a disabled one),
``[UNAVAILABLE]`` that nobody can tell now. Use EXAMINE and BODY.PEEK[]: nothing becomes read then.
"""

from mailstack.daemons.dovecot.control import Dovecot

DAEMON = Dovecot()
