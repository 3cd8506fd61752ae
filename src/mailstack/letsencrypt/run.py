"""``python -m mailstack.letsencrypt.run --config FILE``: one errand, then the end.

Standard input has the wish, the last line of output the result (``errand.py``). A process of its
own, because the libraries for keys and orders would stay in the memory of whoever lives longer.
Started as root it reads its secrets and becomes the account of the service.
"""

import argparse
import asyncio
import encodings.idna  # noqa: F401 - needed after root is given up, as the next two
import gc  # noqa: F401
import netrc  # noqa: F401
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import cryptography.hazmat.backends.openssl.backend  # noqa: F401 - likewise
import dns.asyncbackend
import dns.rdata

from mailstack.aio.privileges import drop
from mailstack.dns.update import Tsig, read_tsig
from mailstack.errors import ConfigError, MailstackError, ProtocolError
from mailstack.letsencrypt.authority import Authority, OrderFailed
from mailstack.letsencrypt.cluster import ClusterSecret
from mailstack.letsencrypt.config import Config
from mailstack.letsencrypt.errand import MAX_ERROR, MAX_LINE, Done, Result, Wish
from mailstack.letsencrypt.keys import Announced, key_for, published
from mailstack.letsencrypt.order import NothingGained, Prover, new_key, obtain
from mailstack.letsencrypt.pair import Folder, Pair, Place, Shown
from mailstack.letsencrypt.proofs import WebRoot
from mailstack.letsencrypt.zone_proofs import Records
from mailstack.observe import log
from mailstack.outcome import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT = "account.pem"
"""File of the account's key, in the folder that is kept."""
Proving: TypeAlias = Callable[[], AbstractContextManager[Prover]]
"""Gets ready to prove names, which only an order needs."""


def run(
    pair: Pair,
    authority: Authority,
    proving: Proving,
    wish: Wish,
    *,
    renew_at: float,
    announced: Announced = NotFound,
) -> Result:
    """Do one errand. Whatever fails is told in the result, and what is in force stays."""
    try:
        pair.restore()
        return _run(pair, authority, proving, wish, renew_at, announced=announced)
    except MailstackError as error:
        wait_s = error.retry_after_s if isinstance(error, OrderFailed) else 0.0
        why = " ".join(str(error).split())[:MAX_ERROR]
        return _result(pair, renew_at, "failed", why=why, retry_after_s=wait_s)


def _run(
    pair: Pair,
    authority: Authority,
    proving: Proving,
    wish: Wish,
    renew_at: float,
    *,
    announced: Announced,
) -> Result:
    shown = pair.shown()
    if not pair.may_replace():
        return _result(pair, renew_at, "owners")
    names = wish.names or pair.asked()
    if not names:
        raise MailstackError("nobody knows yet which domains there are")
    following = pair.next_key() or _made_next(pair)
    ends = wish.force or shown is None or is_due(shown, renew_at)
    due = ends or set(names) != set(pair.asked())
    if not due and not wish.complete:
        return _result(pair, renew_at, "kept")
    covered = () if due or shown is None else shown.names
    key = key_for(pair, shown, following, ends=ends, announced=announced)
    try:
        with proving() as prover:
            issued = obtain(authority, names, prover, covered=covered, key=key)
    except NothingGained as nothing:
        return _result(pair, renew_at, "kept", dropped=nothing.dropped)
    pair.replace(issued.certificate, issued.key, names)
    if key == following:
        _made_next(pair)
    return _result(pair, renew_at, "issued", dropped=issued.dropped)


def _made_next(pair: Pair) -> str:
    key = new_key()
    pair.keep_next(key)
    return key


def is_due(found: Shown, part: float) -> bool:
    """Whether it is to be renewed for its own sake."""
    return found.is_first or datetime.now(UTC) >= found.due(part)


def _result(
    pair: Pair,
    renew_at: float,
    done: Done,
    *,
    why: str = "",
    retry_after_s: float = 0.0,
    dropped: "Mapping[str, str] | None" = None,
) -> Result:
    """Add what is in force now, as far as it can be told."""
    found = None
    with suppress(MailstackError):
        found = pair.shown()
    if found is None:
        return Result(done, why, retry_after_s, asked=pair.asked(), dropped=dropped or {})
    return Result(
        done,
        why,
        retry_after_s,
        found.begins.timestamp(),
        found.expires.timestamp(),
        found.due(renew_at).timestamp(),
        found.issuer,
        found.is_first,
        found.names,
        pair.asked(),
        dropped or {},
    )


def prover_of(config: Config, tsig: Tsig | None) -> Prover:
    """Return how names are proved.

    Raises:
        ConfigError: the settings do not say how.
    """
    if config.challenge == "http-01":
        return WebRoot(config.pages)
    if config.update_server is None:
        raise ConfigError('acme.challenge = "dns-01" needs dns.update_server', advice="set it")
    return Records(config.update_server, config.update_zone, config.resolver, tsig)


def tsig_of(config: Config) -> Tsig | None:
    """Read the key that proofs in DNS are signed with, while it can be read.

    Raises:
        ConfigError: there is none that is one.
    """
    if config.challenge == "http-01":
        return None
    return read_tsig(config.tsig_file, config.tsig_name, config.tsig_algorithm)


def main() -> int:
    """Do one errand. The exit status is 1 with one line when it could not even begin."""
    parser = argparse.ArgumentParser(prog="mailstack.letsencrypt.run", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON, as rendered")
    parser.add_argument("--cluster", action="store_true", help="the pair is a Secret")
    arguments = parser.parse_args()
    log.configure()
    try:
        config = Config.read(arguments.config)
        wish = Wish.decode(sys.stdin.buffer.readline(MAX_LINE))
        prover = prover_of(config, tsig_of(config))
    except (MailstackError, ProtocolError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    dns.rdata.load_all_types()  # type: ignore[no-untyped-call]  # nothing can be imported later
    dns.asyncbackend.set_default_backend("asyncio")
    folder = Folder(config.tls).opened()
    drop(config.uid, config.gid)
    place: Place = ClusterSecret(config.secret) if arguments.cluster else folder
    authority = Authority(config.directory, config.ca_file, config.email, config.kept / ACCOUNT)
    pair, part = Pair(place, config.kept), config.renew_at
    result = run(
        *(pair, authority, lambda: nullcontext(prover), wish),
        renew_at=part,
        announced=lambda: asyncio.run(published(config.hostname, config.resolver)),
    )
    sys.stdout.buffer.write(result.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
