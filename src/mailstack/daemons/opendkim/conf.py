"""``opendkim.conf`` and its tables. opendkim.conf(5), 2.11.

One key signs every hosted domain: the signature's d= is the domain of From:, so each domain
publishes the same record. Whether to sign is told by Postfix (the milter macro daemon_name), never
by the client's address: no address is trusted for being near; and by couchmail, which knows whether
the domain is ours (``templates/signing_table.lua``).
"""

from ipaddress import ip_address

from mailstack.daemons.contract import Site
from mailstack.daemons.template import fill

PACKAGE = "mailstack.daemons.opendkim"
NAME = "opendkim.conf"
KEY = "dkim.private"
"""The private key's name in STATE/secure."""
RESOLVER_CONF = "resolver.conf"
ORIGINATING = "ORIGINATING"
"""What Postfix calls its submission services to milters (``mua_milter_name`` in main.cf)."""
SIGNING_TABLE = "signing_table.lua"
LOOKUP_TIMEOUT_S = 5
"""For couchmail's answer, far below Postfix's wait for a milter (``milter_content_timeout``)."""

HEADER = """\
# Written by mailstack: do not edit. Put what you want to change into
# overrides/opendkim/opendkim.conf; its lines replace those of the same name.
"""


def opendkim_conf(site: Site) -> str:
    """Render the whole file, without overrides."""
    return "\n".join((HEADER, _service(site), _signing(site), _verifying(site), _dns(site)))


def key_table(site: Site) -> str:
    """The one key, for whatever domain From: names (``%``)."""
    key = site.paths.secure / KEY
    return f"# name  d=:selector:key\nhosted  %:{site.settings.dkim.selector}:{key}\n"


def signing_table(site: Site) -> str:
    """Every author of a domain of ours is signed by that key."""
    couchmail = site.addresses["couchmail.domains"]
    values = {
        "host": couchmail.host,
        "port": str(couchmail.port),
        "timeout_s": str(LOOKUP_TIMEOUT_S),
    }
    return fill(PACKAGE, SIGNING_TABLE, values)


def internal_hosts() -> str:
    """Nobody: the default would sign whatever comes from 127.0.0.1."""
    return "# Addresses whose mail is signed without a login: none.\n!0.0.0.0/0\n!::/0\n"


def asks_resolver_by_address(site: Site) -> bool:
    """Whether OpenDKIM's own resolver can be told where to ask: it takes addresses, not names.

    In a pod the resolver has a name, and the pod's resolv.conf leads there.
    """
    try:
        ip_address(site.addresses["resolver.dns"].host)
    except ValueError:
        return False
    return True


def resolver_conf(site: Site) -> str:
    """unbound.conf(5) for the resolver library inside OpenDKIM: ask the stack's own resolver."""
    peer = site.addresses["resolver.dns"]
    return f"""\
# Written by mailstack: OpenDKIM's own resolver only forwards to the stack's, which validates.
server:
    do-not-query-localhost: no
forward-zone:
    name: "."
    forward-addr: {peer.host}@{peer.port}
"""


def _service(site: Site) -> str:
    peer = site.addresses["opendkim.milter"]
    host = "" if peer.host == "all" else f"@{peer.host}"
    return f"""\
# The milter socket that Postfix connects to.
Socket                inet:{peer.port}{host}
# Signer and verifier; which of them, the mail's way decides (MTA, below).
Mode                  sv
Syslog                yes
SyslogSuccess         yes
# Relaxed headers survive what servers do to white space; bodies mostly come through unchanged.
Canonicalization      relaxed/simple
TemporaryDirectory    {site.paths.run}
"""


def _signing(site: Site) -> str:
    conf = site.paths.conf
    return f"""\
# Sign what users submit, and what their scripts send: Postfix says {ORIGINATING} there.
MTA                   {ORIGINATING}
InternalHosts         refile:{conf / "internal_hosts"}
SigningTable          lua:{conf / SIGNING_TABLE}
KeyTable              file:{conf / "key_table"}
# Its owner may keep the state folder anywhere; the key's own mode and owner are mailstack's care.
RequireSafeKeys       no
# A second From: added on the way breaks the signature.
OversignHeaders       From
RemoveOldSignatures   no
"""


def _verifying(site: Site) -> str:
    return f"""\
# Verdicts go into Authentication-Results: (RFC 8601), also "none"; who forged ours loses it.
AuthservID            {site.settings.hostname}
RemoveARFrom          {site.settings.hostname}
RemoveARAll           yes
AlwaysAddARHeader     yes
# A verdict is for the filter and the reader. A bad signature is written down as "fail" and bounces
# nothing; when DNS cannot tell there is no verdict, and the mail comes in all the same.
On-BadSignature       accept
On-KeyNotFound        accept
On-NoSignature        accept
On-DNSError           accept
On-Security           accept
# Only what is our own trouble makes the sender come again.
On-InternalError      tempfail
On-SignatureError     tempfail
"""


def _dns(site: Site) -> str:
    if not asks_resolver_by_address(site):
        return """\
# Keys are asked of the resolver that resolv.conf(5) names.
DNSTimeout            10
"""
    return f"""\
# Keys are asked of the stack's resolver.
ResolverConfiguration {site.paths.conf / RESOLVER_CONF}
DNSTimeout            10
"""
