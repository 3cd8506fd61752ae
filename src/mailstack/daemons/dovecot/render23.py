"""The configuration in the dialect of Dovecot 2.3 (Debian 12)."""

from mailstack.daemons.contract import Files, Site
from mailstack.daemons.dovecot import facts
from mailstack.daemons.template import fill

PACKAGE = "mailstack.daemons.dovecot"


def render(site: Site) -> Files:
    """Every file but the overrides."""
    values = facts.values(site) | {
        "compression": facts.COMPRESSION,
        "default_quota": _default_quota(site),
        "submission": _submission(site),
    }
    return {
        "dovecot.conf": fill(PACKAGE, "dovecot-2.3.conf", values),
        "dict-auth.conf": fill(PACKAGE, "dict-auth-2.3.conf", values),
        "global.sieve": fill(PACKAGE, "global.sieve", values),
    }


def _default_quota(site: Site) -> str:
    quota = site.settings.mailbox.default_quota
    if quota is None:
        return "# No limit, but for users whose entry has one (quota_rule)."
    return f"# For users whose entry has none (quota_rule).\nquota_rule = *:bytes={quota}"


def _submission(site: Site) -> str:
    """How redirected messages and vacation replies leave."""
    postfix = site.addresses.get(facts.SUBMISSION)
    if postfix is None:
        return f"{facts.NO_SUBMISSION}\nsendmail_path = /bin/false"
    return f"{facts.WITH_SUBMISSION}\nsubmission_host = {postfix}"
