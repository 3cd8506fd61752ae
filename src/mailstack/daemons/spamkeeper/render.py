"""Settings and addresses → the JSON that ``mailstack.spamkeeper`` reads."""

from typing import Final

from mailstack.daemons import program
from mailstack.daemons.contract import Files, Paths, Site
from mailstack.daemons.spamassassin import users

FILE: Final = "spamkeeper.json"

CHECK_EVERY_S: Final = 60
"""Between two looks at databases that changed: reading one takes milliseconds."""


def render(site: Site) -> Files:
    """The one file. Names are those of ``mailstack.spamkeeper.config.Config``."""
    spamd, spam = Paths(site.paths.state, "spamd"), site.settings.spam
    fields = {
        "http": site.addresses["spamkeeper.http"],
        "api": site.addresses["couchmail.api"],
        "spamd": site.addresses["spamd.spamc"],
        "token_file": site.paths.secure / "api.token",
        "users": users.users(spamd),
        "rules": users.rules(spamd, site.version),
        "site_config": spamd.conf,
        "spamd_pid": users.pid_file(spamd),
        "authenticated": spam.network_tests,
        "update_rules": spam.update_rules,
        "update_hour": spam.update_hour,
        "check_every_s": CHECK_EVERY_S,
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return program.json_file(FILE, fields)
