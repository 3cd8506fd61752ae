"""``python -m benchmarks.delivery``: the filter's cost, alternating with its reference.

Off: Postfix → filter → Dovecot beside the same Postfix straight to the same Dovecot. On: Postfix →
filter → spamd → Dovecot beside spamd alone, asked by as many clients as it has children.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.delivery.daemons import Stack, running
from benchmarks.delivery.message import ordinary_message

SESSIONS = 8
"""SMTP connections that send at the same time, one mailbox each."""
TICKS = os.sysconf("SC_CLK_TCK")
TIMEOUT_S = 300.0

Measure = Callable[[], float]
"""Returns events a second."""


@dataclass
class Result:
    what: str
    ours_per_s: float
    reference_per_s: float
    ratio: float
    wanted_ratio: float
    filter_cpu_ms: float
    """The filter's processor time per message."""


def delivered(stack: Stack, way: str) -> int:
    """Messages in the mailboxes of one way."""
    total = 0
    for number in range(SESSIONS):
        folder = stack.mail / f"u{number}@{way}.test/Maildir/new"
        total += sum(1 for _ in folder.iterdir()) if folder.exists() else 0
    return total


def send(stack: Stack, way: str, count: int, file: Path) -> float:
    """Send ``count`` messages; the rate from the first octet to the last file in a mailbox."""
    before, started = delivered(stack, way), time.perf_counter()
    senders = [
        subprocess.Popen(
            [
                *("smtp-source", "-s", "1", "-m", str(count // SESSIONS), "-d", "-F", str(file)),
                *("-f", "alice@example.org", "-t", f"u{number}@{way}.test"),
                f"inet:127.0.0.1:{stack.ports.smtp}",
            ],
            stdout=subprocess.DEVNULL,
        )
        for number in range(SESSIONS)
    ]
    for sender in senders:
        if sender.wait(TIMEOUT_S):
            raise SystemExit("smtp-source failed")
    wanted = before + count // SESSIONS * SESSIONS
    while delivered(stack, way) < wanted:
        if time.perf_counter() - started > TIMEOUT_S:
            raise SystemExit(f"{way}: {delivered(stack, way) - before} of {count} arrived")
        time.sleep(0.005)
    return (wanted - before) / (time.perf_counter() - started)


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def ask_spamd(port: int, message: bytes, count: int, clients: int) -> float:
    """Questions a second that spamd answers when it does nothing else."""
    head = b"HEADERS SPAMC/1.5\r\nUser: site\r\nContent-length: %d\r\n\r\n" % len(message)

    async def client(questions: int) -> None:
        for _ in range(questions):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head + message)
            answer = await reader.read()
            writer.close()
            if b"EX_OK" not in answer:
                raise SystemExit(f"spamd: {answer[:80]!r}")

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client(count // clients))
    return count // clients * clients / (time.perf_counter() - started)


def alternate(
    stack: Stack, way: str, rounds: int, ours: Measure, reference: Measure
) -> tuple[float, float, float, float]:
    """A B A B: median rates of both, the median ratio, the filter's processor time in all rounds.

    Ratios are of neighbours: what else the machine does at the time disturbs both alike.
    """
    before = cpu_s(stack.filters[way])
    pairs = [(reference(), ours()) for _ in range(rounds)]
    return (
        median(ours_ for _, ours_ in pairs),
        median(reference_ for reference_, _ in pairs),
        median(ours_ / reference_ for reference_, ours_ in pairs),
        cpu_s(stack.filters[way]) - before,
    )


def off(count: int, rounds: int, octets: int) -> Result:
    with running(scanning=False, children=1) as stack:
        file = stack.folder / "message.eml"
        file.write_bytes(ordinary_message(octets).replace(b"\r\n", b"\n"))
        for way in ("direct", "relay"):
            send(stack, way, 200, file)
        ours, reference, ratio, cpu = alternate(
            stack,
            "relay",
            rounds,
            lambda: send(stack, "relay", count, file),
            lambda: send(stack, "direct", count, file),
        )
        per_message = 1000 * cpu / (rounds * count)
        return Result("scanning off", ours, reference, ratio, 0.9, per_message)


def on(count: int, rounds: int, octets: int, children: int) -> Result:
    with running(scanning=True, children=children) as stack:
        message = ordinary_message(octets)
        file = stack.folder / "message.eml"
        file.write_bytes(message.replace(b"\r\n", b"\n"))
        send(stack, "scan", 4 * SESSIONS, file)
        asyncio.run(ask_spamd(stack.ports.spamd, message, 10, children))
        ours, reference, ratio, cpu = alternate(
            stack,
            "scan",
            rounds,
            lambda: send(stack, "scan", count, file),
            lambda: asyncio.run(ask_spamd(stack.ports.spamd, message, count, children)),
        )
        per_message = 1000 * cpu / (rounds * count)
        what = f"scanning, {children} children"
        return Result(what, ours, reference, ratio, 0.95, per_message)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1600, help="per round, scanning off")
    parser.add_argument("--scans", type=int, default=160, help="per round, scanning on")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--octets", type=int, default=6000, help="of one message")
    parser.add_argument("--children", type=int, default=1, help="of spamd")
    parser.add_argument("--only", choices=("off", "on"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = []
    if arguments.only != "on":
        results.append(off(arguments.messages, arguments.rounds, arguments.octets))
    if arguments.only != "off":
        results.append(on(arguments.scans, arguments.rounds, arguments.octets, arguments.children))
    if arguments.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    else:
        for r in results:
            print(
                f"{r.what:24} ours {r.ours_per_s:7.1f}/s  reference {r.reference_per_s:7.1f}/s  "
                f"ratio {r.ratio:.2f} (wanted {r.wanted_ratio})  "
                f"filter CPU {r.filter_cpu_ms:.2f} ms/message"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
