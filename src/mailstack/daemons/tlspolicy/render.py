"""Settings and addresses → the JSON that ``mailstack.tlspolicy`` reads."""

import json
from typing import Final

from mailstack.daemons.contract import Files, Site
from mailstack.topology.model import Endpoint

FILE: Final = "tlspolicy.json"


def render(site: Site) -> Files:
    """The one file. Names are those of ``mailstack.tlspolicy.config.Config``."""
    settings = site.settings
    document = {
        "listen": _address(site.addresses["tlspolicy.policy"]),
        "http": _address(site.addresses["tlspolicy.http"]),
        "resolver": _address(site.addresses["resolver.dns"]),
        "cache": str(site.paths.data / "policies"),
        "ca_file": settings.tls_policy.ca_file,
        "dane": settings.tls_policy.dane and settings.dns.dnssec,
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return {FILE: json.dumps(document, indent=2) + "\n"}


def _address(endpoint: Endpoint) -> list[str | int]:
    return [endpoint.host, endpoint.port]
