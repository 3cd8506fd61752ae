"""The configuration in the dialect of Dovecot 2.4 (Debian 13, Alpine).

Version 2.4 dropped the dict driver for logins; a script in Lua asks the same questions instead.
"""

from mailstack.daemons.contract import Files, Site
from mailstack.daemons.dovecot import facts
from mailstack.daemons.template import fill


def render(site: Site) -> Files:
    """Every file but the overrides."""
    values = facts.values(site) | {
        "default_quota": _default_quota(site),
        "vouched_fields": "\n".join(map(_forbidden, facts.VOUCHED_FIELDS)),
    }
    return {
        "dovecot.conf": fill(facts.PACKAGE, "dovecot-2.4.conf", values),
        "auth.lua": fill(facts.PACKAGE, "auth.lua", values),
        **{name: fill(facts.PACKAGE, name, values) for name in facts.SCRIPTS},
    }


def _default_quota(site: Site) -> str:
    quota = site.settings.mailbox.default_quota
    if quota is None:
        return "# No limit, but for users whose entry has one (quota_storage_size)."
    return f"# For users whose entry has none.\nquota_storage_size = {quota}B"


def _forbidden(field: str) -> str:
    return f"sieve_editheader_header {field} {{\n  forbid_add = yes\n}}"
