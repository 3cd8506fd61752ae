"""Settings and addresses → the JSON that ``mailstack.names`` reads."""

import json
from typing import Final

from mailstack.daemons.contract import Files, Site
from mailstack.topology.model import Endpoint

FILE: Final = "names.json"


def render(site: Site) -> Files:
    """The one file. Names are those of ``mailstack.names.config.Config``."""
    settings = site.settings
    document = {
        "listen": _address(site.addresses["names.https"]),
        "http": _address(site.addresses["names.http"]),
        "api": _address(site.addresses["couchmail.api"]),
        "token_file": str(site.paths.secure / "api.token"),
        "certificate": str(site.paths.tls / "fullchain.pem"),
        "key": str(site.paths.tls / "privkey.pem"),
        "hostname": settings.hostname,
        "email": settings.email,
        "mta_sts": settings.names.mta_sts,
        "mta_sts_seconds": settings.names.mta_sts_max_age,
        "port_offset": settings.listen.port_offset,
        "requests_per_minute": settings.names.requests_per_minute,
        "connections_per_client": settings.names.connections_per_client,
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return {FILE: json.dumps(document, indent=2) + "\n"}


def _address(endpoint: Endpoint) -> list[str | int]:
    return [endpoint.host, endpoint.port]
