"""``main.cf``: encryption and logins.

Other servers may come without TLS (RFC 3207 4: a public server must not require it); users must
not. The files of the key are read by root, before a process drops its privileges.
"""

from mailstack.daemons.contract import Site


def settings(site: Site) -> str:
    tls = site.paths.tls
    return f"""\
### TLS

# Key first, then the certificates from ours up to the authority's.
smtpd_tls_chain_files = {tls / "privkey.pem"}, {tls / "fullchain.pem"}
# Other servers: offered. Users: required, see submission in master.cf.
smtpd_tls_security_level = may
# TLS 1.0 and 1.1 are withdrawn (RFC 8996).
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtp_tls_protocols = >=TLSv1.2
smtp_tls_mandatory_protocols = >=TLSv1.2
# Renegotiation costs a server more than a client; nothing in mail needs it.
tls_ssl_options = NO_RENEGOTIATION
# One line in the log for each handshake, and the cipher in Received:.
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
# Outgoing: encrypt with whoever offers it, and still deliver to who does not.
smtp_tls_security_level = may
smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt
smtp_tls_loglevel = 1
smtp_tls_note_starttls_offer = yes

### Logins: checked by Dovecot, offered on the submission ports alone

smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:{site.addresses["dovecot.sasl"]}
smtpd_sasl_auth_enable = no
# Never a password in clear.
smtpd_tls_auth_only = yes
smtpd_sasl_security_options = noanonymous
"""
