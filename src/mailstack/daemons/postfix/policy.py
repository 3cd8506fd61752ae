"""``main.cf``: who may send what to whom.

Order matters: cheap and certain checks first, then couchmail, then what asks other services. A
check that cannot be made answers 4xx, so that the sender comes again: only what is *known* to be
wrong gets 5xx. Documented in SMTPD_ACCESS_README and POSTSCREEN_README.
"""

from mailstack.daemons.contract import Site
from mailstack.daemons.postfix.endpoints import socketmap


def postscreen(site: Site) -> str:
    smtp = site.settings.smtp
    return f"""\
### postscreen: turns robots away before they cost an smtpd process

# Skips its tests for this machine's own probe only; nobody gets the right to relay by it.
postscreen_access_list = cidr:$config_directory/postscreen_access
# Who talks before the greeting is a robot.
postscreen_greet_action = enforce
# Who has passed. Not every system's Postfix has Berkeley DB (Alpine's has LMDB alone).
postscreen_cache_map = \
${{{{$default_database_type}} == {{lmdb}} ? {{lmdb}} : {{btree}}}}:$data_directory/postscreen_cache
# Blocklists, weighted; from this sum on a client is refused.
postscreen_dnsbl_sites = {", ".join(smtp.dnsbl_sites)}
postscreen_dnsbl_threshold = {smtp.dnsbl_threshold}
postscreen_dnsbl_action = enforce
# The deep tests (pipelining, bare newline, non-SMTP commands) stay off: they make every new
# client come twice, which large senders do from another address each time.
postscreen_pipelining_enable = no
postscreen_bare_newline_enable = no
postscreen_non_smtp_command_enable = no
{_proxied(site)}"""


def _proxied(site: Site) -> str:
    """Who connects is a load balancer, and says in front of all who the client is."""
    networks = site.settings.listen.proxy_networks
    if not networks:
        return ""
    return f"""\
# Clients come through load balancers, which name them by the PROXY protocol. Postfix believes
# whoever connects, so others than {", ".join(networks)} must be kept away.
postscreen_upstream_proxy_protocol = haproxy
"""


def restrictions(site: Site) -> str:
    """Port 25 here; what differs for users stands below it and is chosen in master.cf."""
    senders = socketmap(site.addresses["couchmail.aliases"], "senders")
    return f"""\
### Restrictions for other servers (port 25)

# Every reason to refuse is given at RCPT TO, so the log names sender and recipient.
smtpd_delay_reject = yes
smtpd_helo_required = yes
# RFC 5321 4.1.1.1: a server names itself with a domain or an address literal.
smtpd_helo_restrictions =
    reject_invalid_helo_hostname
    reject_non_fqdn_helo_hostname
# A sender that cannot be answered. A DNS failure gives 450.
smtpd_sender_restrictions =
    reject_non_fqdn_sender
    reject_unknown_sender_domain
# Never an open relay: only our own domains, whatever comes after.
smtpd_relay_restrictions = reject_unauth_destination
# Is there such a recipient, has the mailbox room, and only then: has this sender been seen before?
# A policy server that does not answer must not hold mail: then the question counts as not asked.
smtpd_recipient_restrictions =
    reject_non_fqdn_recipient
    reject_unauth_pipelining
    reject_unlisted_recipient
    {_policy_service(site, "dovecot.quota")}{_greylist(site)}
# Commands sent ahead of their turn: a robot, or smuggling.
smtpd_data_restrictions = reject_unauth_pipelining
# A message ends with CRLF.CRLF and nothing else (SMTP smuggling, CVE-2023-51764).
smtpd_forbid_bare_newline = normalize
smtpd_forbid_bare_newline_exclusions =
smtpd_forbid_unauth_pipelining = yes
# CHUNKING has no use here and its own ends of data; ETRN and DSN tell strangers too much.
smtpd_discard_ehlo_keywords = chunking, etrn, dsn
# No asking which addresses exist.
disable_vrfy_command = yes
# "Known to be wrong" is 550; what DNS says may be wrong for an hour, so that stays 450.
unknown_address_reject_code = 450
unknown_virtual_mailbox_reject_code = 550
# "User unknown", without naming the table: strangers need not know how we are built.
show_user_unknown_table_name = no
smtputf8_enable = yes

### Restrictions for users (submission and submissions, see master.cf)

# Whose address may a login use? couchmail lists the logins that own it.
smtpd_sender_login_maps = {senders}
mua_client_restrictions = permit_sasl_authenticated, reject
mua_sender_restrictions =
    reject_authenticated_sender_login_mismatch
    reject_non_fqdn_sender
    permit_sasl_authenticated
    reject
mua_relay_restrictions = permit_sasl_authenticated, reject
# Tell the user at once of a wrong recipient or a full mailbox, rather than by a bounce.
mua_recipient_restrictions =
    reject_non_fqdn_recipient
    reject_unknown_recipient_domain
    reject_unlisted_recipient
    {_policy_service(site, "dovecot.quota")}
    permit_sasl_authenticated
    reject
# How much a login may send within a day.
mua_end_of_data_restrictions ={_limit(site)}

### Restrictions for users' scripts (reinject, see master.cf)

# From nobody (a vacation reply, a bounce passed on), or from a user of ours: never as a stranger.
reinject_sender_restrictions =
    reject_non_fqdn_sender
    reject_unlisted_sender
# Who reaches this port may relay. Only Dovecot and the content filter (its reports) can: the port
# is declared as internal, so it listens on loopback, or on a cluster behind a policy that lets no
# other pod in.
reinject_relay_restrictions = check_client_access static:permit, reject
# An address of ours that does not exist is told at once, and the script's owner keeps the message.
reinject_recipient_restrictions =
    reject_non_fqdn_recipient
    reject_unlisted_recipient
    check_client_access static:permit
    reject
"""


def milters(site: Site) -> str:
    """OpenDKIM reads the daemon's name to tell what is to be signed (see opendkim.conf)."""
    return f"""\
### Who sent it, on port 25; signatures, on submission; before these, what is to be refused at once

dkim_milter = inet:{site.addresses["opendkim.milter"]}
# All that sign: one for each algorithm.
signing_milters = $dkim_milter{_second_signer(site)}
# Forged senders (identity), certain spam (filter.reject_score).{_without_answer(site)}
smtpd_milters = {_incoming(site)}
# A From field that is not the user's (submission.check_from): without an answer, not now.
mua_milters = {_users(site)}$signing_milters
# What was found of a message that is forwarded is sealed (identity.seal).
forwarded_milters = {_sealer(site)}
non_smtpd_milters =
# Without it nothing would be signed and forgeries would look unsigned: the sender comes again.
milter_default_action = tempfail
milter_macro_daemon_name = VERIFYING
mua_milter_name = ORIGINATING
"""


def _second_signer(site: Site) -> str:
    """OpenDKIM has one algorithm a process, so the second signature is another's."""
    if "ed25519" not in site.settings.dkim.algorithms:
        return ""
    return f", inet:{site.addresses['opendkim.milter-ed25519']}"


def _sealer(site: Site) -> str:
    """It verifies the chain that is there, which asks the DNS; with the queue it can wait."""
    identity = site.settings.identity
    if not identity.check or not identity.seal:
        return ""
    peer = site.addresses["opendkim.seal"]
    return f"{{ inet:{peer}, default_action=tempfail, content_timeout=120s }}"


def _incoming(site: Site) -> str:
    """The filter's milter verifies; where it does not look, OpenDKIM does."""
    settings = site.settings
    if settings.identity.check:
        enforces = settings.identity.enforce_dmarc
        return _filter_milter(site, "tempfail" if enforces else "accept")
    if settings.filter.reject_score is not None:
        return f"$dkim_milter, {_filter_milter(site, 'accept')}"
    return "$dkim_milter"


def _without_answer(site: Site) -> str:
    enforces = site.settings.identity.check and site.settings.identity.enforce_dmarc
    if enforces:
        return " Without an answer the sender comes again."
    return " Without an answer the message is taken."


def _users(site: Site) -> str:
    wanted = site.settings.submission.check_from or site.settings.identity.check
    return f"{_filter_milter(site, 'tempfail')}, " if wanted else ""


def _filter_milter(site: Site, otherwise: str) -> str:
    """It answers within ``filter.scan_timeout_s``, which is below the 300 s here."""
    peer = site.addresses["contentfilter.milter"]
    limits = "connect_timeout=10s, content_timeout=300s"
    return f"{{ inet:{peer}, default_action={otherwise}, {limits} }}"


def _policy_service(site: Site, address: str) -> str:
    peer = site.addresses[address]
    return f"check_policy_service {{ inet:{peer}, timeout=10s, default_action=DUNNO }}"


def _limit(site: Site) -> str:
    if not site.settings.submission.max_recipients_per_day:
        return ""
    return f" {_policy_service(site, 'contentfilter.policy')}"


def _greylist(site: Site) -> str:
    if not site.settings.greylist.enabled:
        return ""
    return f"\n    {_policy_service(site, 'postgrey.policy')}"
