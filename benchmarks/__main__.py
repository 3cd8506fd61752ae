"""``python -m benchmarks``: all of them, one after the other, and docs/benchmarks.md.

Each runs as a process of its own and prints JSON. ``--quick`` takes small data and few rounds: to
see that everything runs, and for a first impression. All of it takes the better part of an hour,
most of that for five thousand messages under kill -9.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

QUICK = {
    "lookups": ("--users", "50000", "--domains", "5000", "--rounds", "3", "--seconds", "1"),
    "delivery": ("--messages", "400", "--scans", "32", "--rounds", "3"),
    "stack": ("--rounds", "3", "--settle", "10"),
    "training": ("--messages", "300", "--scans", "20", "--rounds", "2"),
    "kill": ("--messages", "300"),
}

HEAD = """\
# Benchmarks

Written by `{command}` on {date}: {cpus} processors ({model}), {memory} GiB,
Linux {kernel}, Python {python}. Ours and its reference alternate in one run on the same machine, so
the ratio holds elsewhere when the figures do not.
"""

NOTES = """
- **Lookups**: {documents:,} documents in SQLite, 16 connections, one question under way on each.
  The reference is an epoll server in C that answers a constant
  ([source](../benchmarks/lookups/constant.c)).
- **Messages**: from SMTP to mailbox. Without scanning the reference is the same Postfix handing
  straight to the same Dovecot; with scanning it is spamd alone, asked by as many clients as it has
  children.
- **Stack**: as an owner does it, by the command line. Memory is PSS, half a minute after the start.
"""

TRAINING = """
## Training

A made-up user ([source](../tests/corpus.py)): {learnt:,} messages learnt, a tenth more kept to
measure by.

| What | Ours | Reference | Ratio |
|---|---|---|---|
{rates}

| On mail that was never taught | Without training | With |
|---|---|---|
| spam found | {without:.0%} of {spam} | **{recall:.0%}** |
| wanted mail called spam | {lost} of {ham} | **{false_positives}** |

- **Training**: by `mailstack train`, from the mailbox over IMAP through spamd. The reference is
  `sa-learn` on the same messages as files: one process, which opens its database once. spamd reads
  a user's preferences for every message, which is most of the difference.
- **Verdicts**: by the user's own profile. The reference is a plain spamd with the same rules, which
  knows neither users nor training.
"""

KILL = """
## Kill -9

Messages from outside while each service's main process is killed in turn, half way through its
share. A server that gets no answer sends again; what it sent twice or we delivered twice is a
duplicate.

| Killed | Messages | Lost | Bounced | Duplicates | Messages, all scanned | Healthy after |
|---|---|---|---|---|---|---|
{rows}
"""

Rows = list[dict[str, Any]]


def run(name: str, *, quick: bool) -> Rows:
    arguments = QUICK[name] if quick else ()
    argv = [sys.executable, "-m", f"benchmarks.{name}", "--json", *arguments]
    print(f"benchmarks.{name} …", file=sys.stderr, flush=True)
    done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True)
    rows: Rows = json.loads(done.stdout)
    return rows


def table(lookups: Rows, delivery: Rows, stack: Rows) -> Iterator[str]:
    yield "| What | Ours | Reference | Ratio | At least |"
    yield "|---|---|---|---|---|"
    for row in [*lookups, *delivery]:
        yield (
            f"| {row['what']} | {row['ours_per_s']:,.0f}/s | {row['reference_per_s']:,.0f}/s "
            f"| **{row['ratio']:.2f}** | {row['wanted_ratio']} |"
        )
    yield ""
    yield "| What | Ours | Below |"
    yield "|---|---|---|"
    first = lookups[0]
    yield f"| lookups, 99th percentile | {first['p99_us'] / 1000:.2f} ms | 2 ms |"
    yield f"| couchmail with all documents | {first['pss_mib']:.0f} MiB PSS | 120 MiB |"
    for row in stack:
        yield f"| {row['what']} | {row['ours']:.2f} {row['unit']} | {row['wanted']:g} |"
    parts = next(row["parts"] for row in stack if row["parts"])
    yield ""
    yield "| Service, idle | PSS |"
    yield "|---|---|"
    yield from (f"| {name} | {mib:.1f} MiB |" for name, mib in parts.items())
    yield f"| **in all** | **{sum(parts.values()):.0f} MiB** |"


def training_part(rows: Rows) -> str:
    *rates, effect = rows
    lines = (
        f"| {row['what']} | {row['ours_per_s']:,.0f}/s | {row['reference_per_s']:,.0f}/s "
        f"| **{row['ratio']:.2f}** |"
        for row in rates
    )
    return TRAINING.format(
        learnt=effect["learnt"],
        rates="\n".join(lines),
        without=effect["recall_without"],
        recall=effect["recall"],
        spam=effect["held_out_spam"],
        ham=effect["held_out_ham"],
        lost=effect["false_positives_without"],
        false_positives=effect["false_positives"],
    )


def kill_part(rows: Rows) -> str:
    lines = (
        f"| {row['killed']} | {row['messages']:,} | {row['lost']} | {row['bounced']} "
        f"| {row['duplicates']} ({row['duplicates_percent']:.2f}%) | {row['per_s']:,.1f}/s "
        f"| {row['healthy_s']:.1f} s |"
        for row in rows
    )
    return KILL.format(rows="\n".join(lines))


def head(command: str) -> str:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    cpu = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    return HEAD.format(
        command=command,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        cpus=os.cpu_count(),
        model=cpu or platform.machine(),
        memory=f"{memory:.0f}",
        kernel=platform.release(),
        python=platform.python_version(),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", nargs="*", choices=QUICK, metavar="NAME",
        help=f"small data, few rounds: for all, or for these of {', '.join(QUICK)}",
    )  # fmt: skip
    asked = parser.parse_args().quick
    quick = set(QUICK) if asked == [] else set(asked or ())
    lookups, delivery, stack, training, kill = (run(name, quick=name in quick) for name in QUICK)
    command = " ".join(["python -m benchmarks --quick", *(asked or ())]) if quick else "make bench"
    lines = list(table(lookups, delivery, stack))
    more = training_part(training) + kill_part(kill)
    print("\n".join(lines), more)
    notes = NOTES.format(documents=lookups[0]["documents"])
    PAGE.write_text(f"{head(command)}\n" + "\n".join(lines) + f"\n{notes}{more}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
