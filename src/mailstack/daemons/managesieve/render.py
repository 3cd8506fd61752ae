"""Settings and addresses → the JSON that ``mailstack.managesieve`` reads."""

from typing import Final

from mailstack.daemons import program
from mailstack.daemons.contract import Files, Site
from mailstack.daemons.dovecot.facts import SIEVE_EXTENSIONS

FILE: Final = "managesieve.json"


def render(site: Site) -> Files:
    """The one file. Names are those of ``mailstack.managesieve.config.Config``."""
    sieve = site.settings.sieve
    fields = {
        "listen": site.addresses["managesieve.managesieve"],
        "http": site.addresses["managesieve.http"],
        "sasl": site.addresses["dovecot.sasl"],
        "api": site.addresses["couchmail.api"],
        "token_file": site.paths.secure / "api.token",
        "certificate": site.paths.tls / "fullchain.pem",
        "key": site.paths.tls / "privkey.pem",
        "limits": {"scripts": sieve.max_scripts, "script_octets": sieve.max_script_octets},
        "extensions": " ".join(SIEVE_EXTENSIONS),
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return program.json_file(FILE, fields | _balanced(site))


def _balanced(site: Site) -> dict[str, object]:
    networks = site.settings.listen.proxy_networks
    if not networks:
        return {}
    return {"balanced": site.addresses["managesieve.managesieve-lb"], "proxy_networks": networks}
