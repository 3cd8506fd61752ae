"""Settings → SpamAssassin's site folder: which plugins to load, one of our own, and ``local.cf``.

The rules themselves are Debian's in /usr/share/spamassassin, or newer ones that the keeper fetched
(``users.py`` says where); neither is written here.
"""

from typing import Final

from mailstack.daemons.contract import Files, Overrides, Site
from mailstack.daemons.template import fill
from mailstack.spamkeeper.database import NAME
from mailstack.spamkeeper.folders import BAYES

PLUGINS: Final = (
    "Check",
    "Bayes",
    "BodyEval",
    "DNSEval",
    "FreeMail",
    "HeaderEval",
    "HTMLEval",
    "HTTPSMismatch",
    "ImageInfo",
    "MIMEEval",
    "MIMEHeader",
    "RelayEval",
    "TextCat",
    "TxRep",
    "URIDetail",
    "URIEval",
    "WLBLEval",
)
"""What most rules are written for."""

NETWORK_PLUGINS: Final = ("URIDNSBL", "SPF", "DKIM", "AskDNS", "HashBL")
"""Ask the DNS; not loaded without network tests."""

LEFT_OUT: Final = {
    "ReplaceTags": "18 MiB for rules that find v1agra, which Bayes learns; the largest saving",
    "VBounce": "bounces of forged mail: its rules score 0.1",
    "DMARC": "needs Mail::DMARC, which Debian does not install with SpamAssassin",
    "AutoLearnThreshold": "the trainer learns, not the scan",
    "Pyzor": "runs a program for each message",
    "Razor2": "runs a program for each message",
    "SpamCop": "only reports",
    "WelcomeListSubject": "welcome lists by subject are anybody's to use",
}
"""Loaded by Debian, not by us, and why. An override called ``*.pre`` loads any of them."""

OWN_PLUGINS: Final = ("UserRules", "Restore")
"""Ours. Without the first every scan would pay for the users' rules, whoever has any; without the
second every child for preferences that it has not read (their own words)."""

OVERRIDE_PREFIX: Final = "override-"
"""In front of the owner's file names: sorts behind ``init.pre`` and ``local.cf``."""

_PACKAGE: Final = "mailstack.daemons.spamassassin"


def render(site: Site, overrides: Overrides) -> Files:
    """The site folder."""
    theirs = {f"{OVERRIDE_PREFIX}{name}": text for name, text in overrides.items()}
    own = {f"{name}.pm": fill(_PACKAGE, f"{name}.pm", {}) for name in OWN_PLUGINS}
    return {"init.pre": _plugins(site), "local.cf": _local(site), **own, **theirs}


def _plugins(site: Site) -> str:
    wanted = PLUGINS + (NETWORK_PLUGINS if site.settings.spam.network_tests else ())
    load = "".join(f"loadplugin Mail::SpamAssassin::Plugin::{name}\n" for name in wanted)
    reasons = "".join(f"#   {name}: {reason}\n" for name, reason in LEFT_OUT.items())
    own = "".join(f"loadplugin Mail::SpamAssassin::Plugin::{n} {n}.pm\n" for n in OWN_PLUGINS)
    return (
        "# Written by mailstack. Not loaded, though Debian does (overrides/spamd/*.pre can):\n"
        f"{reasons}"
        "# Rule names from before SpamAssassin 4 stay valid in the owner's files.\n"
        "enable_compat welcomelist_blocklist\n"
        f"{load}"
        f"{own}"
    )


def _local(site: Site) -> str:
    settings = site.settings
    resolver = site.addresses["resolver.dns"]
    values = {
        "threshold": f"{settings.spam.threshold:g}",
        "bayes_from": str(settings.spam.bayes_from),
        "hostname": settings.hostname,
        "email": settings.email,
        "dns_server": f"[{resolver.host}]:{resolver.port}",
        "dns_available": "yes" if settings.spam.network_tests else "no",
        "bayes_path": f"__userstate__/{BAYES}/{NAME}",
        "time_limit": str(max(5, int(settings.filter.scan_timeout_s * 0.8))),
    }
    return fill(_PACKAGE, "local.cf", values)
