"""Settings and addresses → the JSON that ``mailstack.trainer`` reads."""

from pathlib import Path
from typing import Final

from mailstack.daemons import program
from mailstack.daemons.contract import Files, Site
from mailstack.daemons.dovecot.master import NAME, SECRET

FILE: Final = "trainer.json"


def certificate(site: Site) -> Path:
    """Where this service's own copy of Dovecot's certificate lies, readable for its account."""
    return site.paths.tls / "fullchain.pem"


def ledger(site: Site) -> Path:
    """What was learnt, in the volume of the same name."""
    return site.paths.data / "ledger" / "ledger.sqlite"


def render(site: Site) -> Files:
    """The one file. Names are those of ``mailstack.trainer.config.Config``."""
    fields = {
        "listen": site.addresses["trainer.http"],
        "moved": site.addresses["trainer.moved"],
        "api": site.addresses["couchmail.api"],
        "imaps": site.addresses["dovecot.imaps"],
        "spamd": site.addresses["spamd.spamc"],
        "keeper": site.addresses["spamkeeper.http"],
        "token_file": site.paths.secure / "api.token",
        "master_user": NAME,
        "master_file": site.paths.secure / SECRET,
        "certificate": certificate(site),
        "ledger": ledger(site),
        "learning": _learning(site),
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return program.json_file(FILE, fields)


def _learning(site: Site) -> dict[str, float]:
    settings = site.settings
    return {
        "threshold": settings.spam.threshold,
        "enough": settings.spam.bayes_from,
        "grace_s": settings.spam.grace_minutes * 60,
        "max_octets": settings.filter.max_scan_octets,
        "hour": settings.spam.train_hour,
        "users_at_once": settings.spam.train_parallel,
    }
