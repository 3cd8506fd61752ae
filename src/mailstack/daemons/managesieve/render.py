"""Settings and addresses → the JSON that ``mailstack.managesieve`` reads."""

import json
from typing import Final

from mailstack.daemons.contract import Files, Site
from mailstack.daemons.dovecot.facts import SIEVE_EXTENSIONS
from mailstack.topology.model import Endpoint

FILE: Final = "managesieve.json"


def render(site: Site) -> Files:
    """The one file. Names are those of ``mailstack.managesieve.config.Config``."""
    sieve = site.settings.sieve
    document = {
        "listen": _address(site.addresses["managesieve.managesieve"]),
        "http": _address(site.addresses["managesieve.http"]),
        "sasl": _address(site.addresses["dovecot.sasl"]),
        "api": _address(site.addresses["couchmail.api"]),
        "token_file": str(site.paths.secure / "api.token"),
        "certificate": str(site.paths.tls / "fullchain.pem"),
        "key": str(site.paths.tls / "privkey.pem"),
        "limits": {"scripts": sieve.max_scripts, "script_octets": sieve.max_script_octets},
        "extensions": " ".join(SIEVE_EXTENSIONS),
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return {FILE: json.dumps(document, indent=2) + "\n"}


def _address(endpoint: Endpoint) -> list[str | int]:
    return [endpoint.host, endpoint.port]
