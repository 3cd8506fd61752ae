"""Settings and addresses → the JSON that ``mailstack.tlspolicy`` reads."""

from typing import Final

from mailstack.daemons import program
from mailstack.daemons.contract import Files, Site

FILE: Final = "tlspolicy.json"


def render(site: Site) -> Files:
    """The one file. Names are those of ``mailstack.tlspolicy.config.Config``."""
    settings = site.settings
    fields = {
        "listen": site.addresses["tlspolicy.policy"],
        "http": site.addresses["tlspolicy.http"],
        "resolver": site.addresses["resolver.dns"],
        "cache": site.paths.data / "policies",
        "ca_file": settings.tls_policy.ca_file,
        "dane": settings.tls_policy.dane and settings.dns.dnssec,
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return program.json_file(FILE, fields)
