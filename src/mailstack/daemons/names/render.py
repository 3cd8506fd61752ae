"""Settings and addresses → the JSON that ``mailstack.names`` reads."""

from typing import Final

from mailstack.daemons import program
from mailstack.daemons.contract import Files, Site

FILE: Final = "names.json"


def render(site: Site) -> Files:
    """The one file. Names are those of ``mailstack.names.config.Config``."""
    settings = site.settings
    fields = {
        "listen": site.addresses["names.https"],
        "http": site.addresses["names.http"],
        "api": site.addresses["couchmail.api"],
        "token_file": site.paths.secure / "api.token",
        "certificate": site.paths.tls / "fullchain.pem",
        "key": site.paths.tls / "privkey.pem",
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
    return program.json_file(FILE, fields)
