"""Settings and addresses → the JSON that ``mailstack.trainer`` reads."""

import json
from pathlib import Path
from typing import Final

from mailstack.daemons.contract import Files, Site
from mailstack.daemons.dovecot.master import NAME, SECRET
from mailstack.topology.model import Endpoint

FILE: Final = "trainer.json"


def certificate(site: Site) -> Path:
    """Where this service's own copy of Dovecot's certificate lies, readable for its account."""
    return site.paths.tls / "fullchain.pem"


def ledger(site: Site) -> Path:
    """What was learnt, in the volume of the same name."""
    return site.paths.data / "ledger" / "ledger.sqlite"


def render(site: Site) -> Files:
    """The one file. Names are those of ``mailstack.trainer.config.Config``."""
    document = {
        "listen": _address(site.addresses["trainer.http"]),
        "moved": _address(site.addresses["trainer.moved"]),
        "api": _address(site.addresses["couchmail.api"]),
        "imaps": _address(site.addresses["dovecot.imaps"]),
        "spamd": _address(site.addresses["spamd.spamc"]),
        "keeper": _address(site.addresses["spamkeeper.http"]),
        "token_file": str(site.paths.secure / "api.token"),
        "master_user": NAME,
        "master_file": str(site.paths.secure / SECRET),
        "certificate": str(certificate(site)),
        "ledger": str(ledger(site)),
        "learning": _learning(site),
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return {FILE: json.dumps(document, indent=2) + "\n"}


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


def _address(endpoint: Endpoint) -> list[str | int]:
    return [endpoint.host, endpoint.port]
