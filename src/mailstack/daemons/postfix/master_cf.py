"""``master.cf``: the processes of Postfix, as master(5) starts them.

Only what asks DNS runs in the chroot (the fifth column): its etc/resolv.conf names the stack's own
resolver, so the machine's stays as it is. There is no local delivery: mail enters by SMTP alone,
and the machine's own sendmail(1) belongs to the machine's own Postfix.
"""

from mailstack.daemons.contract import Site
from mailstack.daemons.postfix.endpoints import listen, own_forward

HEADER = """\
# Written by mailstack: do not edit. Put what you want to change into overrides/postfix/master.cf:
# whole services, or one parameter as "service/type/parameter = value" (postconf(1), -P). There,
# smtp/inet, submission/inet, submissions/inet, reinject/inet and forward/inet mean the services
# below, whatever their port.
#
# service  type  private unpriv  chroot  wakeup  maxproc command + args
"""

_USERS = """\
    -o smtpd_sasl_auth_enable=yes
    -o smtpd_client_restrictions=$mua_client_restrictions
    -o smtpd_helo_restrictions=
    -o smtpd_sender_restrictions=$mua_sender_restrictions
    -o smtpd_relay_restrictions=$mua_relay_restrictions
    -o smtpd_recipient_restrictions=$mua_recipient_restrictions
    -o smtpd_end_of_data_restrictions=$mua_end_of_data_restrictions
    -o smtpd_milters=$mua_milters
    -o smtpd_discard_ehlo_keywords=chunking,etrn
    -o milter_macro_daemon_name=$mua_milter_name
    -o cleanup_service_name=subcleanup
"""
"""What differs for users: logins, restrictions, delivery reports on request, header privacy."""

_FORGETFUL = """\
    -o max_idle=10s
    -o max_use=50
"""
"""An smtpd remembers the addresses whose lookup failed and answers 451 for them until it ends. So
it ends soon: after an outage of couchmail mail flows within seconds. Idle ones also cost memory."""

_SCRIPTS = """\
    -o syslog_name=postfix/reinject
    -o smtpd_tls_security_level=none
    -o smtpd_client_connection_rate_limit=0
    -o smtpd_helo_restrictions=
    -o smtpd_sender_restrictions=$reinject_sender_restrictions
    -o smtpd_relay_restrictions=$reinject_relay_restrictions
    -o smtpd_recipient_restrictions=$reinject_recipient_restrictions
    -o smtpd_milters=$signing_milters
    -o smtpd_discard_ehlo_keywords=chunking,etrn
    -o milter_macro_daemon_name=$mua_milter_name
"""
"""What differs for users' scripts: no login and no greylisting; signed like what a user writes."""

_MAX_SCRIPTS = "20"
"""As many deliveries run at once (``process_limit`` of Dovecot's lmtp), and each is one client."""

_FORWARDED = """\
    -o syslog_name=postfix/forwarded
    -o smtpd_tls_security_level=none
    -o smtpd_client_connection_rate_limit=0
    -o smtpd_client_connection_count_limit=0
    -o smtpd_helo_restrictions=
    -o smtpd_sender_restrictions=
    -o smtpd_relay_restrictions=$reinject_relay_restrictions
    -o smtpd_recipient_restrictions=$reinject_relay_restrictions
    -o smtpd_data_restrictions=
    -o smtpd_milters=$forwarded_milters
    -o smtpd_discard_ehlo_keywords=chunking,etrn
    -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks
    -o cleanup_service_name=fwdcleanup
"""
"""What differs for what we forward: it was checked when it came, and is nobody's to sign; but what
was found is sealed."""

_INTERNAL = """\
# A user's message: header privacy, before DKIM signs it.
subcleanup  unix  n       -       n       -       0       cleanup
    -o header_checks=regexp:$config_directory/submission_headers
    -o nested_header_checks=
cleanup     unix  n       -       n       -       0       cleanup
# Looks for nothing by itself; but "postqueue -f" calls it, and says "mail system is down" without.
pickup      unix  n       -       n       -       1       pickup
qmgr        unix  n       -       n       300     1       qmgr
tlsmgr      unix  -       -       n       1000?   1       tlsmgr
rewrite     unix  -       -       n       -       -       trivial-rewrite
bounce      unix  -       -       n       -       0       bounce
defer       unix  -       -       n       -       0       bounce
trace       unix  -       -       n       -       0       bounce
verify      unix  -       -       n       -       1       verify
flush       unix  n       -       n       1000?   0       flush
proxymap    unix  -       -       n       -       -       proxymap
proxywrite  unix  -       -       n       -       1       proxymap
showq       unix  n       -       n       -       -       showq
error       unix  -       -       n       -       -       error
retry       unix  -       -       n       -       -       error
discard     unix  -       -       n       -       -       discard
anvil       unix  -       -       n       -       1       anvil
scache      unix  -       -       n       -       1       scache
postlog     unix-dgram n  -       n       -       1       postlogd

# To the content filter.
lmtp        unix  -       -       n       -       -       lmtp
# What is forwarded, to ourselves: there its sender becomes one of ours (see main.cf).
forward     unix  -       -       n       -       -       smtp
    -o syslog_name=postfix/$service_name
    -o smtp_tls_security_level=none
    -o smtp_tls_policy_maps=
fwdcleanup  unix  n       -       n       -       0       cleanup
    -o sender_canonical_maps=$forwarded_senders
    -o sender_canonical_classes=envelope_sender
    -o virtual_alias_maps=
# To the world.
smtp        unix  -       -       y       -       -       smtp
relay       unix  -       -       y       -       -       smtp
    -o syslog_name=postfix/$service_name
"""


def master_cf(site: Site) -> str:
    """Render the whole file, without overrides."""
    return "\n".join((HEADER, _public(site), _reinject(site), _forwarded(site), _INTERNAL))


def inet_services(site: Site) -> dict[str, str]:
    """The name an owner uses for a listening service → its first field in this site's master.cf."""
    names = ("smtp", "submission", "submissions", "reinject")
    found = {name: listen(site.addresses[f"postfix.{name}"]) for name in names}
    return {**found, "forward": str(own_forward(site))}


def _public(site: Site) -> str:
    at = inet_services(site)
    return f"""\
# Other servers: postscreen speaks first, and hands who passes to smtpd.
{_inet(at["smtp"], maxproc="1", command="postscreen")}
smtpd       pass  -       -       y       -       -       smtpd
{_FORGETFUL}dnsblog     unix  -       -       y       -       0       dnsblog
tlsproxy    unix  -       -       n       -       0       tlsproxy

# Users, STARTTLS required (RFC 6409).
{_inet(at["submission"])}
{_proxied(site)}    -o syslog_name=postfix/submission
    -o smtpd_tls_security_level=encrypt
{_FORGETFUL}{_USERS}
# Users, TLS from the first octet (RFC 8314 3.3).
{_inet(at["submissions"])}
{_proxied(site)}    -o syslog_name=postfix/submissions
    -o smtpd_tls_wrappermode=yes
{_FORGETFUL}{_USERS}"""


def _proxied(site: Site) -> str:
    """Behind a load balancer; port 25 has the same by postscreen, in main.cf."""
    networks = site.settings.listen.proxy_networks
    return "    -o smtpd_upstream_proxy_protocol=haproxy\n" if networks else ""


def _reinject(site: Site) -> str:
    return f"""\
# Users' scripts: what they redirect, and their vacation replies; reports of DMARC. Dovecot and the
# content filter are linked to it, nobody else.
{_inet(inet_services(site)["reinject"], maxproc=_MAX_SCRIPTS)}
{_FORGETFUL}{_SCRIPTS}"""


def _forwarded(site: Site) -> str:
    return f"""\
# What we forward comes in again here. On loopback wherever Postfix runs: it alone has the client.
{_inet(inet_services(site)["forward"])}
{_FORGETFUL}{_FORWARDED}"""


def _inet(where: str, *, maxproc: str = "-", command: str = "smtpd") -> str:
    chroot = "n" if command == "postscreen" else "y"
    return f"{where:<11} inet  n       -       {chroot}       -       {maxproc}       {command}"
