"""``main.cf``: identity, names and addresses, lookups, delivery, limits.

Restrictions, which decide who may send what, stand in ``policy.py``; TLS and logins in ``tls.py``.
Every parameter has its reason beside it, because the rendered file is what an owner reads when
mail does not flow. Values of which Postfix's own default is right are not repeated.
Parameters: postconf(5), Postfix 3.7 to 3.10.
"""

from mailstack.daemons.contract import Site
from mailstack.daemons.postfix import policy, tls
from mailstack.daemons.postfix.endpoints import own_forward, socketmap

HEADER = """\
# Written by mailstack: do not edit. Put what you want to change into overrides/postfix/main.cf,
# one "name = value" each; it is merged as postconf(1) -e would.
"""


def main_cf(site: Site) -> str:
    """Render the whole file, without overrides."""
    parts = (
        HEADER,
        _identity(site),
        _folders(site),
        _lookups(site),
        _delivery(site),
        _forwarding(site),
        _limits(site),
        tls.settings(site),
        policy.postscreen(site),
        policy.restrictions(site),
        policy.milters(site),
    )
    # An empty list leaves a space behind "=".
    return "\n".join(line.rstrip() for line in "\n".join(parts).split("\n"))


def _identity(site: Site) -> str:
    return f"""\
### Who we are

# Behaviour of this release onwards; without it Postfix keeps the habits of the 1990s.
compatibility_level = 3.6
# In greetings, Received: and Message-ID:. Must match the reverse DNS of the public address.
myhostname = {site.settings.hostname}
# Completes an address without a domain, such as "postmaster".
mydomain = {site.settings.domain}
myorigin = $mydomain
# Says no version: it helps only who looks for a known hole.
smtpd_banner = $myhostname ESMTP
# Interfaces; each service in master.cf names its own port.
inet_interfaces = {site.addresses["postfix.smtp"].host}
inet_protocols = {"all" if site.ipv6 else "ipv4"}
# No address is trusted for being near: relaying is by login only, wherever a client sits.
mynetworks =
# Incomplete addresses and missing Date: and Message-ID: are completed for users who logged in;
# other people's mail is left as it is, or its signature would break.
local_header_rewrite_clients = permit_sasl_authenticated
"""


def _folders(site: Site) -> str:
    data = site.paths.data
    return f"""\
### Where things are kept: below the state folder, nothing of the machine's own Postfix

queue_directory = {data / "spool"}
data_directory = {data / "state"}
# One stream for whoever runs us; master was started in the foreground.
maillog_file = /dev/stdout
maillog_file_prefixes = /dev/stdout
# Queue files named by time, so a name in the log is never used twice.
enable_long_queue_ids = yes
"""


def _lookups(site: Site) -> str:
    domains = socketmap(site.addresses["couchmail.domains"], "domains")
    mailboxes = socketmap(site.addresses["couchmail.mailboxes"], "mailboxes")
    aliases = socketmap(site.addresses["couchmail.aliases"], "aliases")
    return f"""\
### Domains, mailboxes and aliases: all asked of couchmail

virtual_mailbox_domains = {domains}
virtual_mailbox_maps = {mailboxes}
virtual_alias_maps = {aliases}
# Must be empty: its default would ask the alias map about every domain.
virtual_alias_domains =
# user+tag@domain. couchmail decides whom it reaches; Postfix asks for the whole address.
recipient_delimiter = {site.settings.mailbox.delimiter}
# No accounts of this machine get mail, and nothing is relayed for other domains.
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
relay_domains =
local_transport = error:5.1.1 this server has no local accounts
"""


def _delivery(site: Site) -> str:
    return f"""\
### Onwards: to the content filter, and out

virtual_transport = lmtp:inet:{site.addresses["contentfilter.lmtp"]}
# The filter waits for a scan and then for Dovecot, for each recipient in turn.
lmtp_data_done_timeout = 600s
# Outgoing mail goes to the recipient's MX, or to this smarthost.
relayhost = {site.settings.smtp.relayhost}
# Outages inside the stack last seconds: try again soon at first, then ever more rarely.
queue_run_delay = 60s
minimal_backoff_time = 60s
maximal_backoff_time = 4000s
# RFC 5321 4.5.4.1: give up after 4 to 5 days; tell the sender after 4 hours that it takes long.
maximal_queue_lifetime = 5d
delay_warning_time = 4h
# A bounce that cannot be delivered was mostly caused by a forged sender.
bounce_queue_lifetime = 1d
# The owner hears of our own troubles, not of every bounce and every refused message.
notify_classes = resource, software
# No biff: nobody is logged in to be told of new mail.
biff = no
"""


def _forwarding(site: Site) -> str:
    senders = socketmap(site.addresses["couchmail.aliases"], "forwarded")
    peer = own_forward(site)
    transport = f"pipemap:{{{senders},static:{{forward:[{peer.host}]:{peer.port}}}}}"
    return f"""\
### Forwarding: mail of strangers that an alias sends outside

# SPF names the servers of the sender's domain, and we are none of them: such a message leaves with
# a sender of ours, by which a bounce finds the stranger (SRS). couchmail knows which senders are
# foreign: that mail goes through forward, and comes in again at fwdcleanup, which rewrites it.
forwarded_senders = {senders}
sender_dependent_default_transport_maps = {transport if site.settings.smtp.rewrite_senders else ""}
"""


def _limits(site: Site) -> str:
    smtp = site.settings.smtp
    return f"""\
### Limits, fit for a small machine

message_size_limit = {smtp.max_message_octets}
# Not used (no local accounts); 0 so that it never contradicts the limit above.
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_recipient_limit = {smtp.max_recipients}
# Processes of each kind at once: 50 sessions need about 250 MiB when all are busy.
default_process_limit = 50
# One client may take half of the sessions, and open two a second over time (anvil(8)).
smtpd_client_connection_count_limit = 25
smtpd_client_connection_rate_limit = 120
# Logins tried by one client in a minute, right or wrong: enough for a person, not for a dictionary.
smtpd_client_auth_rate_limit = 20
# Programs on this machine are ours.
smtpd_client_event_limit_exceptions = 127.0.0.0/8, [::1]/128
"""
