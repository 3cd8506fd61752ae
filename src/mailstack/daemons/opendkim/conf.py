"""``opendkim.conf`` and its tables. opendkim.conf(5), 2.10.3 and 2.11.

Whether to sign is told by Postfix (the milter macro daemon_name), never by the client's address: no
address is trusted for being near. A domain without keys of its own is signed by the stack's one
key; d= is always the domain of From:. Which key signs is known in one of two ways:

- OpenDKIM asks couchmail for each message, by scripts (``templates/*.lua``), so a change of keys
  needs no reload. Debian's can.
- Where it was built without Lua, as Alpine's is, it reads tables that are written anew when a key
  changes (``tables.py``).

OpenDKIM has one algorithm for all that a process signs, whatever the key is (``conf_signalg`` of
its source; with a key of the other kind it answers 451, or makes signatures that nobody can
verify). So a second process signs with Ed25519, and Postfix asks both; where OpenDKIM has no
Ed25519, which came with 2.11, the second one is of our own (``signer.py``).
"""

from ipaddress import ip_address

from mailstack.daemons.contract import Site
from mailstack.daemons.template import fill
from mailstack.dkim.master import MASTER

PACKAGE = "mailstack.daemons.opendkim"
NAME = "opendkim.conf"
KEY = "dkim.private"
"""The private key's name in STATE/secure."""
RESOLVER_CONF = "resolver.conf"
ORIGINATING = "ORIGINATING"
"""What Postfix calls its submission services to milters (``mua_milter_name`` in main.cf)."""
SIGNING_TABLE = "signing_table.lua"
KEY_TABLE = "key_table.lua"
ED25519 = "opendkim-ed25519.conf"
"""Of the second process."""
RSA_PORT, ED25519_PORT = "opendkim.milter", "opendkim.milter-ed25519"
PID_FILE, ED25519_PID_FILE = "opendkim.pid", "ed25519.pid"
FOR_SCRIPTS = frozenset({"USE_LUA", "ed25519-sha256"})
"""What ``opendkim -V`` names of what both processes need to ask couchmail themselves."""
TABLES = "tables"
"""In the run folder, which a reboot empties: there are keys in it."""
SIGNING_FILE, KEY_FILE = "signing", "keys"
LOOKUP_TIMEOUT_S = 5
"""For couchmail's answer, far below Postfix's wait for a milter (``milter_content_timeout``)."""

HEADER = """\
# Written by mailstack: do not edit. Put what you want to change into
# overrides/opendkim/opendkim.conf; its lines replace those of the same name.
"""


def opendkim_conf(site: Site) -> str:
    """Render the whole file, without overrides."""
    parts = (HEADER, _service(site), _signing(site, "rsa"), _verifying(site), _dns(site))
    return "\n".join(parts)


def ed25519_conf(site: Site) -> str:
    """Render the second process's file: it only signs, and asks no DNS."""
    return "\n".join((HEADER, _second_service(site), _signing(site, "ed25519"), _own_trouble()))


def tables(site: Site) -> dict[str, str]:
    """Render the scripts of both processes, by file name."""
    found: dict[str, str] = {}
    if not has_scripts(site):
        return found
    for algorithm in ("rsa", *(("ed25519",) if has_ed25519(site) else ())):
        found[table(SIGNING_TABLE, algorithm)] = _script(site, SIGNING_TABLE, algorithm)
        found[table(KEY_TABLE, algorithm)] = _script(site, KEY_TABLE, algorithm)
    return found


def table(name: str, algorithm: str) -> str:
    """Name the script of one process."""
    return name if algorithm == "rsa" else f"{algorithm}_{name}"


def has_scripts(site: Site) -> bool:
    """Whether the installed OpenDKIM can ask couchmail which key signs."""
    return site.features >= FOR_SCRIPTS


def has_ed25519(site: Site) -> bool:
    """Whether there is a second process of OpenDKIM at all."""
    return has_scripts(site) and "ed25519" in site.settings.dkim.algorithms


def _script(site: Site, name: str, algorithm: str) -> str:
    couchmail = site.addresses["couchmail.domains"]
    asking = {
        "host": couchmail.host,
        "port": str(couchmail.port),
        "timeout_s": str(LOOKUP_TIMEOUT_S),
        "algorithm": algorithm,
    }
    opening = {"algorithm": algorithm, "master": str(site.paths.secure / MASTER)}
    # the one key is an RSA key, and signs where a domain has none of its own
    values = {"has_fallback": "true" if algorithm == "rsa" else "false"}
    if name == KEY_TABLE:
        values |= {
            "selector": site.settings.dkim.selector,
            "key": str(site.paths.secure / KEY),
        }
    parts = (("ask.lua", asking), ("open.lua", opening), (name, values))
    return "".join(fill(PACKAGE, part, given) for part, given in parts)


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
    return f"""\
# The milter socket that Postfix connects to.
Socket                {_socket(site, RSA_PORT)}
# Signer and verifier; which of them, the mail's way decides (MTA, below).
Mode                  sv
{_pid_file(site)}{_both(site)}"""


def _pid_file(site: Site) -> str:
    if has_scripts(site):
        return ""
    return f"""\
# By which it is found when its tables have changed.
PidFile               {site.paths.run / PID_FILE}
"""


def _second_service(site: Site) -> str:
    return f"""\
# A second signature, for verifiers that know RFC 8463; OpenDKIM has one algorithm a process.
Socket                {_socket(site, ED25519_PORT)}
Mode                  s
SignatureAlgorithm    ed25519-sha256
# By which the agent finds it for a reload.
PidFile               {site.paths.run / ED25519_PID_FILE}
{_both(site)}"""


def _socket(site: Site, port: str) -> str:
    peer = site.addresses[port]
    return f"inet:{peer.port}" + ("" if peer.host == "all" else f"@{peer.host}")


def _both(site: Site) -> str:
    return f"""\
Syslog                yes
SyslogSuccess         yes
# Relaxed headers survive what servers do to white space; bodies mostly come through unchanged.
Canonicalization      relaxed/simple
TemporaryDirectory    {site.paths.run}
"""


def _signing(site: Site, algorithm: str) -> str:
    signing, keys = _tables(site, algorithm)
    return f"""\
# Sign what users submit, and what their scripts send: Postfix says {ORIGINATING} there.
MTA                   {ORIGINATING}
InternalHosts         refile:{site.paths.conf / "internal_hosts"}
SigningTable          {signing}
KeyTable              {keys}
# Its owner may keep the state folder anywhere; the key's own mode and owner are mailstack's care.
RequireSafeKeys       no
# A second From: added on the way breaks the signature.
OversignHeaders       From
RemoveOldSignatures   no
"""


def _tables(site: Site, algorithm: str) -> tuple[str, str]:
    if has_scripts(site):
        names = (table(SIGNING_TABLE, algorithm), table(KEY_TABLE, algorithm))
        return f"lua:{site.paths.conf / names[0]}", f"lua:{site.paths.conf / names[1]}"
    folder = site.paths.run / TABLES
    return f"file:{folder / SIGNING_FILE}", f"file:{folder / KEY_FILE}"


def _own_trouble() -> str:
    return """\
# Our own trouble makes the sender come again.
On-InternalError      tempfail
On-SignatureError     tempfail
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
