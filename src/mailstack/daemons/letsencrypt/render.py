"""Settings and addresses → the JSON that ``mailstack.letsencrypt`` reads."""

from typing import Final

from mailstack.daemons import program
from mailstack.daemons.contract import Files, Site

FILE: Final = "letsencrypt.json"
SECRET: Final = "mailstack-tls"  # noqa: S105 - its name on a cluster
TRUSTED: Final = "/etc/ssl/certs/ca-certificates.crt"
"""Named, because the list that the library brings may lie where the account cannot read."""


def render(site: Site) -> Files:
    """The one file. Names are those of ``mailstack.letsencrypt.config.Config``."""
    settings, paths = site.settings, site.paths
    fields = {
        "listen": site.addresses["letsencrypt.web"],
        "http": site.addresses["letsencrypt.http"],
        "port_offset": settings.listen.port_offset,
        "api": site.addresses["couchmail.api"],
        "token_file": paths.secure / "api.token",
        "resolver": site.addresses["resolver.dns"],
        "hostname": settings.hostname,
        "domain": settings.domain,
        "email": settings.email,
        "directory": settings.acme.address,
        "ca_file": settings.acme.ca_file or TRUSTED,
        "challenge": settings.acme.challenge,
        "renew_at": settings.acme.renew_at,
        "update_server": _server(settings.dns.update_server),
        "update_zone": settings.dns.update_zone,
        "tsig_file": paths.secure / "tsig.key",
        "tsig_name": settings.dns.tsig_name,
        "tsig_algorithm": settings.dns.tsig_algorithm,
        "tls": paths.secure / "tls",
        "secret": SECRET,
        "kept": paths.data / "account",
        "pages": paths.run / "pages",
        "errands": paths.run / "errands.sock",
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return program.json_file(FILE, fields)


def _server(text: str) -> list[str | int] | None:
    address, _, port = text.partition("@")
    return [address, int(port)] if text else None
