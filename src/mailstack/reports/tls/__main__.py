"""``python -m mailstack.reports.tls --config FILE``: one pass over TLS reports, then the end.

Counts what Postfix has told, and sends what is due. Lines of output say what was done; the last one
is JSON: ``waiting`` if something could not be sent yet, ``numbers``. Started as root it takes the
journal and becomes Postfix's own account, whose processes talk to the same strangers.
"""

import argparse
import encodings.idna  # noqa: F401 - needed after root is given up
import json
import logging
import pwd
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import dns.exception
import dns.rdata

from mailstack.aio.privileges import drop
from mailstack.errors import MailstackError, MissingProgram
from mailstack.identity.resolver import Resolver
from mailstack.program.trust import trusting
from mailstack.reports import alone
from mailstack.reports.letter import Submitter
from mailstack.reports.posting import Post, poster
from mailstack.reports.tls import counting, kept, numbers
from mailstack.reports.tls.config import KEPT, Config
from mailstack.reports.tls.sending import Sender
from mailstack.reports.tls.upload import Addresses, Uploader
from mailstack.topology.stack import STACK

HTTPS: Final = STACK.internet_ports["https"]
_MEMORY: Final = 512 * 1024**2


def main() -> int:
    """Run once. The exit status is 1 with one line when it cannot do its work."""
    parser = argparse.ArgumentParser(prog="mailstack.reports.tls", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON, as rendered")
    parser.add_argument("--now", action="store_true", help="Send of today what there is so far.")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="reports: %(message)s", stream=sys.stderr)
    try:
        config = Config.read(arguments.config)
        uploader = Uploader(_addresses(config), trusting(config.ca_file), HTTPS)
        _become(config)
        held = alone.hold(config.folder / KEPT / "lock")
        try:
            post = poster(config.postfix, config.hostname)
            done = run(config, uploader, post, now=arguments.now)
        finally:
            held.release()
    except (MailstackError, OSError, ValueError) as error:
        sys.stderr.write(f"reports: {error}\n")
        return 1
    result = {"waiting": bool(done.waiting), "numbers": numbers.text(done.counts)}
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def run(config: Config, uploader: Uploader, post: Post, *, now: bool) -> kept.Kept:
    """Do all there is; return what is kept then."""
    folder = config.folder / KEPT
    found = kept.load(folder)
    lost, why = counting.take(folder, found)
    if lost:
        sys.stdout.write(f"{lost} handshakes are missing in TLS reports: {why}\n")
    counting.close_days(found, time.time(), with_today=now)
    kept.save(folder, found)
    before = len(found.sent)
    by = Submitter(config.domain, config.hostname)
    Sender(by, post, uploader.upload, lambda: kept.save(folder, found)).send(found)
    found.counts.update(numbers.outcomes(found.sent[before:]))
    kept.save(folder, found)
    for one in found.sent[before:]:
        sys.stdout.write(f"TLS report about {one.domain} to {one.to or 'nobody'}: {one.outcome}\n")
    return found


def _addresses(config: Config) -> Addresses:
    resolver = Resolver(config.resolver.host, config.resolver.port)

    def addresses(host: str) -> Iterator[str]:
        try:
            for kind in ("A", "AAAA"):
                yield from resolver.records(host, kind)
        except dns.exception.DNSException as error:
            raise OSError(f"the addresses of {host} cannot be told: {error}") from error

    return addresses


def _become(config: Config) -> None:
    """Take the journal, become the account, and set limits."""
    try:
        theirs = pwd.getpwnam(config.account)
    except KeyError as error:
        raise MissingProgram(
            f"there is no account {config.account!r}", advice="install postfix"
        ) from error
    dns.rdata.load_all_types()  # type: ignore[no-untyped-call]  # nothing can be imported later
    counting.fetch(config.folder, theirs.pw_uid, theirs.pw_gid)
    drop(theirs.pw_uid, theirs.pw_gid)
    alone.limit(_MEMORY)


if __name__ == "__main__":
    sys.exit(main())
