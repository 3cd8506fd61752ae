"""Settings → ``unbound.conf``, the same text for every version from 1.17 (Debian 12) on.

The owner's files are appended, not included: an include would have to name the folder in force,
so that a check of the next one would read the files of the last.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mailstack.daemons.contract import Files, Overrides, Site
from mailstack.daemons.template import fill

FILE = "unbound.conf"
ACCOUNT = "unbound"
PROBE_ZONE = "mailstack.invalid."
"""RFC 6761 section 6.4: it exists nowhere else."""
PROBE_NAME = f"probe.{PROBE_ZONE}"

PRIVATE_NETWORKS = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Where a cluster's pods are (RFC 1918, 6598, 4193); there a NetworkPolicy decides who asks."""

WITHOUT_FORWARDERS = (
    "# Private names and networks are answered here: nobody outside is asked for them."
)
WITH_FORWARDERS = """\
# The forwarders may know private names and networks, and may be on this machine.
do-not-query-localhost: no
unblock-lan-zones: yes
insecure-lan-zones: yes
local-zone: "test." nodefault
local-zone: "invalid." nodefault"""


@dataclass(frozen=True, slots=True)
class Origin:
    """One line of the rendered file that an owner wrote."""

    override: str
    line: int


def render(site: Site, overrides: Overrides) -> Files:
    """``unbound.conf``, the owner's files at its end."""
    text = _ours(site)
    for name, theirs in sorted(overrides.items()):
        text += f"\n{_marker(name)}\n{theirs.rstrip()}\n"
    return {FILE: text}


def origins(text: str, overrides: Overrides) -> dict[int, Origin]:
    """Which line of ``text`` came from which line of which override."""
    found: dict[int, Origin] = {}
    markers = {_marker(name): name for name in overrides}
    name, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line in markers:
            name, start = markers[line], number
        elif name:
            found[number] = Origin(name, number - start)
    return found


def listening(text: str) -> tuple[str, ...]:
    """What unbound opens at its start, before it gives up root; a reload cannot change it."""
    opened = ("interface:", "port:", "username:", "ip-address:")
    return tuple(line for line in map(str.strip, text.splitlines()) if line.startswith(opened))


def _marker(name: str) -> str:
    return f"# ---- overrides/resolver/{name}"


def _ours(site: Site) -> str:
    values = {
        "interfaces": "\n".join(_interfaces(site)),
        "access": "\n".join(f"access-control: {net} allow" for net in _clients(site)),
        "ipv6": "yes" if site.ipv6 else "no",
        "username": ACCOUNT,
        "data": str(site.paths.data),
        "modules": "validator iterator" if site.settings.dns.dnssec else "iterator",
        "dnssec": _dnssec(site),
        "probe_zone": PROBE_ZONE,
        "probe_name": PROBE_NAME,
        "forwarding": _forwarding(site),
        "forward_zone": _forward_zone(site),
    }
    return fill("mailstack.daemons.unbound", FILE, values)


def _interfaces(site: Site) -> Iterator[str]:
    own = site.addresses["resolver.dns"]
    hosts = ("0.0.0.0", "::0") if site.ipv6 else ("0.0.0.0",)  # noqa: S104 - asked for by "all"
    for host in hosts if own.host == "all" else (own.host,):
        yield f"interface: {host}@{own.port}"
    if site.resolver:
        yield "# For programs that cannot be told a port: the default, on an address of our own."
        yield f"interface: {site.resolver}"


def _clients(site: Site) -> tuple[str, ...]:
    loopback = ("127.0.0.0/8", "::1")
    shared = site.addresses["resolver.dns"].host == "all"
    return loopback + PRIVATE_NETWORKS if shared else loopback


def _dnssec(site: Site) -> str:
    if not site.settings.dns.dnssec:
        return "# dns.dnssec = false: answers are taken as they come."
    reason = "# Kept up to date by unbound itself (RFC 5011)."
    return f'{reason}\nauto-trust-anchor-file: "{trust_anchor(site)}"'


def trust_anchor(site: Site) -> str:
    """The root's key; unbound rewrites the file when the key changes."""
    return str(site.paths.data / "trust" / "root.key")


def _forwarding(site: Site) -> str:
    """Private names and networks: asked of forwarders, which may know them, and of nobody else."""
    return WITH_FORWARDERS if site.settings.dns.forward else WITHOUT_FORWARDERS


def _forward_zone(site: Site) -> str:
    if not site.settings.dns.forward:
        return "# Asks the root servers itself (dns.forward is empty)."
    addresses = "\n".join(f"    forward-addr: {address}" for address in site.settings.dns.forward)
    return f'forward-zone:\n    name: "."\n{addresses}'
