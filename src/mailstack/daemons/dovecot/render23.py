"""The configuration in the dialect of Dovecot 2.3 (Debian 12)."""

from mailstack.daemons.contract import Files, Site
from mailstack.daemons.dovecot import facts
from mailstack.daemons.template import fill


def render(site: Site) -> Files:
    """Every file but the overrides."""
    values = facts.values(site) | {
        "default_quota": _default_quota(site),
        "vouched_fields": " ".join(facts.VOUCHED_FIELDS),
    }
    return {
        "dovecot.conf": fill(facts.PACKAGE, "dovecot-2.3.conf", values),
        "dict-auth.conf": fill(facts.PACKAGE, "dict-auth-2.3.conf", values),
        **{name: fill(facts.PACKAGE, name, values) for name in facts.SCRIPTS},
    }


def _default_quota(site: Site) -> str:
    quota = site.settings.mailbox.default_quota
    if quota is None:
        return "# No limit, but for users whose entry has one (quota_rule)."
    return f"# For users whose entry has none.\nquota_rule = *:bytes={quota}"
