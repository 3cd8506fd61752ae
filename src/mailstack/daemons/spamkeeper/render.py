"""Settings and addresses → the JSON that ``mailstack.spamkeeper`` reads."""

import json
from typing import Final

from mailstack.daemons.contract import Files, Paths, Site
from mailstack.daemons.spamassassin import users
from mailstack.topology.model import Endpoint

FILE: Final = "spamkeeper.json"

CHECK_EVERY_S: Final = 60
"""Between two looks at databases that changed: reading one takes milliseconds."""


def render(site: Site) -> Files:
    """The one file. Names are those of ``mailstack.spamkeeper.config.Config``."""
    spamd, spam = Paths(site.paths.state, "spamd"), site.settings.spam
    document = {
        "http": _address(site.addresses["spamkeeper.http"]),
        "api": _address(site.addresses["couchmail.api"]),
        "spamd": _address(site.addresses["spamd.spamc"]),
        "token_file": str(site.paths.secure / "api.token"),
        "users": str(users.users(spamd)),
        "rules": str(users.rules(spamd, site.version)),
        "site_config": str(spamd.conf),
        "spamd_pid": str(users.pid_file(spamd)),
        "authenticated": spam.network_tests,
        "update_rules": spam.update_rules,
        "update_hour": spam.update_hour,
        "check_every_s": CHECK_EVERY_S,
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return {FILE: json.dumps(document, indent=2) + "\n"}


def _address(endpoint: Endpoint) -> list[str | int]:
    return [endpoint.host, endpoint.port]
