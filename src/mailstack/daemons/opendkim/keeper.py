"""The keeper of domains' keys (``mailstack.dkim``), as OpenDKIM's agent runs it: pass by pass.

Also looks whether the key files of STATE/secure are keys at all.
"""

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mailstack.aio.files import replace_text
from mailstack.daemons.contract import Site
from mailstack.daemons.opendkim.conf import KEY
from mailstack.dkim.attend import Attendant
from mailstack.dkim.master import MASTER, read_master
from mailstack.errors import ConfigError
from mailstack.topology.model import Endpoint

FILE: Final = "dkim.json"
NUMBERS: Final = "dkim.prom"
"""In STATE/run, beside the supervisor's own, for node_exporter's textfile collector."""
REMARK: Final = "keys.remark"
_TOKEN: Final = "api.token"  # noqa: S105 - the name of its file
_PEM: Final = re.compile(
    rb"-----BEGIN (?P<kind>(?:RSA )?PRIVATE KEY)-----(?P<body>[A-Za-z0-9+/=\s]+)"
    rb"-----END (?P=kind)-----"
)
_SEQUENCE: Final = 0x30
"""With which every private key begins (X.690 8.9; RFC 8017 A.1.2, RFC 5958)."""


def render(site: Site) -> str:
    """What a pass is told. Names are those of ``mailstack.dkim.config.Config``."""
    settings = site.settings
    document = {
        "api": _address(site.addresses["couchmail.api"]),
        "resolver": _address(site.addresses["resolver.dns"]),
        "secure": str(site.paths.secure),
        "rules": {
            "algorithms": list(settings.dkim.algorithms),
            "rotate_days": settings.dkim.rotate_days,
            "keep_days": settings.dkim.keep_days,
            "first_at_once": settings.dkim.first_at_once,
            "prefix": settings.dkim.selector_prefix,
        },
        "update_server": _server(settings.dns.update_server),
        "update_zone": settings.dns.update_zone,
        "tsig_name": settings.dns.tsig_name,
        "tsig_algorithm": settings.dns.tsig_algorithm,
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return json.dumps(document, indent=2) + "\n"


async def attend(site: Site, say: Callable[[str], None]) -> None:
    """Watch for what is to be done, until cancelled."""
    if not site.settings.dkim.algorithms:
        await asyncio.Event().wait()
    token = (site.paths.secure / _TOKEN).read_text("ascii").strip()
    api = site.addresses["couchmail.api"]

    def tell(numbers: str, remark: str) -> None:
        try:
            replace_text(site.paths.run.parent / NUMBERS, numbers)
            replace_text(site.paths.run / REMARK, remark)
        except OSError as error:
            say(f"dkim: what is known of the keys cannot be written: {error}")

    await Attendant(site.paths.conf / FILE, api, token, say, tell).run()


def remark(site: Site) -> str:
    """What the owner should know of the keys, as the last pass found; empty: nothing."""
    try:
        return (site.paths.run / REMARK).read_text()
    except OSError:
        return ""


def check(site: Site) -> None:
    """Look at the files that an owner may have put there.

    Raises:
        ConfigError: one is malformed.
    """
    if (site.paths.secure / KEY).exists():
        _check_pem(site.paths.secure / KEY)
    if (site.paths.secure / MASTER).exists():
        read_master(site.paths.secure / MASTER)


def _check_pem(file: Path) -> None:
    try:
        found = _PEM.search(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from error
    try:
        der = base64.b64decode(b"".join(found["body"].split()), validate=True) if found else b""
    except (ValueError, binascii.Error):
        der = b""
    if not der or der[0] != _SEQUENCE:
        raise ConfigError(
            "is no private key", file=file, advice="put an unencrypted RSA key in PEM there"
        )


def _address(endpoint: Endpoint) -> list[str | int]:
    return [endpoint.host, endpoint.port]


def _server(text: str) -> list[str | int] | None:
    address, _, port = text.partition("@")
    return [address, int(port)] if text else None
