"""``main.cf``: encryption and logins.

Other servers may come without TLS (RFC 3207 4: a public server must not require it); users must
not. The files of the key are read by root, before a process drops its privileges.
"""

from typing import Final

from mailstack.daemons.contract import Site
from mailstack.daemons.postfix import installed
from mailstack.daemons.postfix.endpoints import socketmap

WHOLE_POLICIES_FROM: Final = (3, 10)
REPORT_SOCKET: Final = "tlsrpt/socket"
"""Below the queue's folder. Its folder is made by ``spool.prepare``."""
WHOLE_POLICIES: Final = "tlspolicy-3.10"
"""The map whose answers have words that a Postfix before ``WHOLE_POLICIES_FROM`` refuses."""


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
{_outgoing(site)}
smtp_tls_CAfile = {site.settings.tls_policy.ca_file}
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


def _outgoing(site: Site) -> str:
    """What is demanded of other servers: what their domain says, by DANE or by MTA-STS."""
    settings = site.settings
    dane = settings.tls_policy.dane and settings.dns.dnssec
    return f"""\
# Outgoing: encrypt with whoever offers it, and still deliver to who does not. With DANE a server
# that has TLSA records in signed DNS must show that certificate (RFC 7672).
smtp_tls_security_level = {"dane" if dane else "may"}
smtp_dns_support_level = {"dnssec" if dane else "enabled"}
# MTA-STS (RFC 8461): asked for each domain. Without an answer mail waits.
smtp_tls_policy_maps = {_policies(site)}{_reports(site)}"""


def _reports(site: Site) -> str:
    """The socket's name is seen from inside the chroot. An older Postfix knows no such words."""
    wanted = site.settings.tls_policy.report or site.settings.reports.send_tls
    if not wanted or installed.TLSRPT not in site.features:
        return ""
    return f"""
# How deliveries went, for the reports that domains ask for (RFC 8460).
smtp_tlsrpt_enable = yes
smtp_tlsrpt_socket_name = {REPORT_SOCKET}"""


def _policies(site: Site) -> str:
    """The smallest cluster has no such service, and settings may switch it off."""
    peer = site.addresses.get("tlspolicy.policy")
    if peer is None or not site.settings.tls_policy.mta_sts:
        return ""
    return socketmap(peer, WHOLE_POLICIES if site.version >= WHOLE_POLICIES_FROM else "tlspolicy")
