"""Settings and addresses → the JSON that ``mailstack.contentfilter`` reads."""

from typing import Final

from mailstack.daemons import program
from mailstack.daemons.contentfilter import reports
from mailstack.daemons.contract import Files, Site

FILE: Final = "contentfilter.json"

SIZE_FACTOR: Final = 2
"""Postfix counts a message without carriage returns: a line of one octet is two on the wire. Were
the filter's limit the same number, Postfix would bounce what it had accepted."""


def render(site: Site) -> Files:
    """The one file. Names are those of ``mailstack.contentfilter.config.Config``."""
    settings = site.settings
    fields = {
        "hostname": settings.hostname,
        "listen": site.addresses["contentfilter.lmtp"],
        "http": site.addresses["contentfilter.http"],
        "mailboxes": site.addresses["dovecot.lmtp"],
        "spamd": site.addresses["spamd.spamc"],
        "couchmail": site.addresses["couchmail.api"],
        "aliases": site.addresses["couchmail.aliases"],
        "milter": site.addresses["contentfilter.milter"],
        "check_from": settings.submission.check_from,
        "reject_score": settings.filter.reject_score,
        "resolver": site.addresses["resolver.dns"] if settings.identity.check else None,
        "enforce_dmarc": settings.identity.enforce_dmarc,
        "quarantine": settings.identity.quarantine,
        "trusted_forwarders": list(settings.identity.trusted_forwarders),
        "token_file": site.paths.secure / "api.token",
        "spool": site.paths.run / "spool",
        "policy": site.addresses["contentfilter.policy"],
        "usage": site.paths.data / "usage" / "submissions",
        "reports": reports.folder(site) if settings.reports.send_dmarc else None,
        "incoming": reports.incoming(site) if settings.reports.receive else None,
        "max_recipients_per_day": settings.submission.max_recipients_per_day,
        "enabled": settings.filter.enabled,
        "on_failure": settings.filter.on_failure,
        "max_scan_octets": settings.filter.max_scan_octets,
        "scan_timeout_s": settings.filter.scan_timeout_s,
        "scans_at_once": settings.spam.children,
        "max_message_octets": SIZE_FACTOR * settings.smtp.max_message_octets,
        "max_recipients": settings.smtp.max_recipients,
        "delimiter": settings.mailbox.delimiter,
        "uid": site.account.uid,
        "gid": site.account.gid,
        "groups": list(site.account.groups),
    }
    return {**program.json_file(FILE, fields), reports.FILE: reports.render(site)}
