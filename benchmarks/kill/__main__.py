"""``python -m benchmarks.kill``: every service is killed in turn while mail comes from outside.

A throw-away stack on a small internet, whose friend's server sends without a pause and sends again
what it got no answer for. For each service in turn its main process gets SIGKILL after half of that
service's share of the messages; the next one begins when all of the share has arrived, so that
every figure belongs to one service. Needs root.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.e2e.stack import Stack, missing, running
from tests.e2e.traffic import Traffic, flowing, wait_until

from mailstack.demo.internet import small_internet

ALL = "all of them"
PATIENCE_S = 300.0
"""For one service's share of the messages to be accepted."""


@dataclass
class Result:
    """What one kill did."""

    killed: str
    messages: int
    lost: int
    bounced: int
    duplicates: int
    duplicates_percent: float
    seconds: float
    """From the first message sent until the last one is in the mailbox."""
    per_s: float
    healthy_s: float
    """From the kill until the service is healthy with another process."""


def kill(stack: Stack, service: str, messages: int) -> Result:
    """Send a service's share of the messages, and kill it half way."""
    user, begun = stack.user(), time.monotonic()
    with flowing(stack, user, pause_s=0, limit=messages) as traffic:
        wait_until(lambda: _answered(traffic) >= messages // 2, timeout_s=PATIENCE_S)
        killed = time.monotonic()
        stack.wait_for_another(service, stack.kill(service))
        healthy_s = time.monotonic() - killed
        wait_until(lambda: _answered(traffic) >= messages, timeout_s=PATIENCE_S)
    stack.wait_healthy()
    fate = traffic.fate()
    return Result(
        killed=service,
        messages=messages,
        lost=len(fate.lost),
        bounced=len(fate.bounced),
        duplicates=fate.duplicates,
        duplicates_percent=100 * fate.duplicates / messages,
        seconds=(seconds := time.monotonic() - begun),
        per_s=messages / seconds,
        healthy_s=healthy_s,
    )


def _answered(traffic: Traffic) -> int:
    return len(traffic.accepted) + len(traffic.bounced)


def total(results: Sequence[Result]) -> Result:
    """Add them up; the slowest restart stands for all."""

    def added(figure: Callable[[Result], int]) -> int:
        return sum(map(figure, results))

    messages, duplicates = added(lambda one: one.messages), added(lambda one: one.duplicates)
    seconds = sum(one.seconds for one in results)
    return Result(
        killed=ALL,
        messages=messages,
        lost=added(lambda one: one.lost),
        bounced=added(lambda one: one.bounced),
        duplicates=duplicates,
        duplicates_percent=100 * duplicates / messages,
        seconds=seconds,
        per_s=messages / seconds,
        healthy_s=max(one.healthy_s for one in results),
    )


def shares(messages: int, parts: int) -> list[int]:
    """Share the messages out as evenly as can be."""
    each, more = divmod(messages, parts)
    return [each + (number < more) for number in range(parts)]


@contextmanager
def whole_stack() -> Iterator[Stack]:
    if reason := missing():
        raise SystemExit(reason)
    with (
        tempfile.TemporaryDirectory(prefix="ms-bench-", dir="/tmp") as name,
        small_internet() as internet,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # the accounts of the daemons go through it
        with running(folder, internet) as stack:
            yield stack


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000, help="in all")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with whole_stack() as stack:
        services = list(stack.status()["services"])
        if arguments.messages < len(services):
            parser.error(f"--messages: at least one for each of the {len(services)} services")
        each = zip(services, shares(arguments.messages, len(services)), strict=True)
        results = [kill(stack, service, messages) for service, messages in each]
    results.append(total(results))
    if arguments.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
        return 0
    for r in results:
        print(
            f"{r.killed:16} {r.messages:5} sent, {r.lost} lost, {r.bounced} bounced, "
            f"{r.duplicates} twice ({r.duplicates_percent:.2f}%), {r.per_s:6.1f}/s, "
            f"healthy after {r.healthy_s:.1f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
