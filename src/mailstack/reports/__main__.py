"""``python -m mailstack.reports --config FILE``: one pass over the reports, then the end.

Counts what the filter wrote down, sends what is due, reads what has come in. Lines of output say
what was done; the last one is JSON: ``waiting`` if something could not be sent yet, ``numbers``. A
process of its own, with limits of its own: it reads XML and archives of strangers. Started as root
it reads its secrets and becomes the account of the content filter.
"""

import argparse
import encodings.cp437
import encodings.idna  # noqa: F401 - these three are needed after root is given up
import heapq  # noqa: F401
import json
import logging
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

import dns.rdata

from mailstack.aio.privileges import drop
from mailstack.client import Client, TcpTransport
from mailstack.errors import MailstackError
from mailstack.identity.lookups import Lookups
from mailstack.program.config import secret
from mailstack.reports import alone, counting, kept, numbers
from mailstack.reports.config import INCOMING, Config
from mailstack.reports.incoming import Incoming
from mailstack.reports.posting import poster
from mailstack.reports.sending import Sender, World
from mailstack.reports.shelf import Shelf

_MEMORY: Final = 768 * 1024**2


def main() -> int:
    """Run once. The exit status is 1 with one line when it cannot do its work."""
    parser = argparse.ArgumentParser(prog="mailstack.reports", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON, as rendered")
    parser.add_argument("--now", action="store_true", help="Send of today what there is so far.")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="reports: %(message)s", stream=sys.stderr)
    try:
        config = Config.read(arguments.config)
        token = secret(config.token_file)
        dns.rdata.load_all_types()  # type: ignore[no-untyped-call]  # nothing can be imported later
        lookups = Lookups(config.resolver.host, config.resolver.port)
        drop(config.uid, config.gid)
        alone.limit(_MEMORY)
        held = alone.hold(config.folder / "lock")
        try:
            counts = numbers.load(config.folder)
            waiting = run(config, lookups, token, counts, now=arguments.now)
            numbers.save(config.folder, counts)
        finally:
            held.release()
    except (MailstackError, OSError, ValueError) as error:
        sys.stderr.write(f"reports: {error}\n")
        return 1
    sys.stdout.write(json.dumps({"waiting": waiting, "numbers": numbers.text(counts)}) + "\n")
    return 0


def run(config: Config, lookups: Lookups, token: str, counts: Counter[str], *, now: bool) -> bool:
    """Do all there is, and count it; return whether something waits to be sent."""
    counts.update(_read_incoming(config, lookups, token))
    found = kept.load(config.folder)
    if lost := counting.take(config.folder, found):
        sys.stdout.write(f"{lost} messages are missing in DMARC reports: too many different ones\n")
    if not config.send:
        found.days.clear()
        found.waiting.clear()
    counting.close_days(found, time.time(), with_today=now)
    kept.save(config.folder, found)
    before = len(found.sent)
    post = poster(config.postfix, config.hostname)
    sender = Sender(config, World(lookups), post, lambda: kept.save(config.folder, found))
    sender.send(found)
    counts.update(numbers.outcomes(found.sent[before:]))
    for one in found.sent[before:]:
        sys.stdout.write(f"report about {one.domain} to {one.to or 'nobody'}: {one.outcome}\n")
    return bool(found.waiting)


def _read_incoming(config: Config, lookups: Lookups, token: str) -> Counter[str]:
    """Read what others tell about us; what cannot be told today stays there for the next pass."""
    shelf = Shelf(Client(TcpTransport(config.api, token)), config.keep_days)
    incoming = Incoming(config.folder / INCOMING, lookups, shelf)
    try:
        for line in incoming.read():
            sys.stdout.write(f"{line}\n")
    except MailstackError as error:
        sys.stdout.write(f"reports are not read now: {error}\n")
    return incoming.counts


if __name__ == "__main__":
    sys.exit(main())
