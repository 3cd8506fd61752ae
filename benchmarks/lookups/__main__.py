"""``python -m benchmarks.lookups``: couchmail and the constant server, alternating.

Both are asked by the same client over 16 connections, one question under way on each, as Postfix
asks. The client takes a core of its own, so on two cores nothing else may run. Memory is the PSS of
couchmail's processes after the runs.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import get_args

from benchmarks.lookups.dataset import DOMAINS, USERS, fill
from mailstack.couchmail.config import Config, PortName
from mailstack.daemons.couchmail.render import FILE
from mailstack.topology.model import LOOPBACK, Endpoint

HERE = Path(__file__).parent
CONNECTIONS = 16
WANTED_RATIO = 0.35
WANTED_P99_US = 2000
WANTED_MIB = 120


@dataclass
class Result:
    """One line of the table: medians of the rounds; the ratio is of neighbouring ones."""

    what: str
    ours_per_s: float
    reference_per_s: float
    ratio: float
    wanted_ratio: float
    p50_us: float
    p99_us: float
    wanted_p99_us: float
    reference_p99_us: float
    pss_mib: float
    wanted_mib: float
    documents: int
    import_s: float | None


def compile_(folder: Path, name: str) -> Path:
    program = folder / name
    source = HERE / f"{name}.c"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", program, source], check=True)
    return program


@contextmanager
def constant(program: Path) -> Iterator[int]:
    """Run the constant server; yields its port."""
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def config(state: Path) -> Config:
    any_port = Endpoint(LOOPBACK, 0)
    names: tuple[PortName, ...] = get_args(PortName)
    return Config(
        listen=dict.fromkeys(names, any_port),
        database=state / "mail.sqlite",
        marker=state / "created",
        socket=state / "api.sock",
        token_file=state / "token",
        uid=0,
        gid=0,
        owner_email="owner@example.org",
        primary_domain="example.org",
        delimiter="+",
    )


@contextmanager
def couchmail(state: Path) -> Iterator[tuple[int, int]]:
    """Run couchmail; yields its process id and the port of mailboxes."""
    (state / "token").write_text("t" * 64)
    (state / FILE).write_text(config(state).model_dump_json())
    argv = [sys.executable, "-m", "mailstack.couchmail", "--config", str(state / FILE)]
    log = state / "log"
    with log.open("w") as sink, subprocess.Popen(argv, stderr=sink) as process:
        try:
            yield process.pid, _mailboxes_port(log, process)
        finally:
            process.terminate()


def _mailboxes_port(log: Path, process: subprocess.Popen[bytes]) -> int:
    """Wait for the line that says where it listens."""
    while process.poll() is None:
        if found := re.search(r"\bmailboxes (\d+)", log.read_text()):
            return int(found[1])
        time.sleep(0.02)
    raise SystemExit(f"couchmail did not start: {log.read_text()}")


def pss_mib(pid: int) -> float:
    """Of a process and its children."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    own = next(int(w.split()[1]) / 1024 for w in rollup.splitlines() if w.startswith("Pss:"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(pss_mib(int(child)) for child in children)


def ask(
    program: Path, port: int, seconds: float, seed: int, data: argparse.Namespace
) -> dict[str, float]:
    numbers = [port, CONNECTIONS, seconds, data.users, data.domains, seed]
    argv = [str(program), LOOPBACK, *map(str, numbers)]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    answer: dict[str, float] = json.loads(said)
    if answer["wrong"]:
        raise SystemExit(f"{answer['wrong']} answers were not OK")
    answer["per_s"] = answer["answers"] / answer["seconds"]
    return answer


def measure(arguments: argparse.Namespace, folder: Path) -> Result:
    load, floor = compile_(folder, "load"), compile_(folder, "constant")
    state = arguments.state or folder / "state"
    state.mkdir(exist_ok=True)
    users, domains = arguments.users, arguments.domains
    ours, reference = [], []
    with ExitStack() as stack:
        pid, port = stack.enter_context(couchmail(state))
        full = (state / "filled").exists()
        imported = None if full else fill(state / "api.sock", users, domains)
        (state / "filled").touch()
        floor_port = stack.enter_context(constant(floor))
        ask(load, port, 1.0, 99, arguments)
        for seed in range(arguments.rounds):
            reference.append(ask(load, floor_port, arguments.seconds, seed, arguments))
            ours.append(ask(load, port, arguments.seconds, seed, arguments))
        memory = pss_mib(pid)
    return summary(ours, reference, memory, users + domains, imported.seconds if imported else None)


def summary(
    ours: list[dict[str, float]],
    reference: list[dict[str, float]],
    memory: float,
    documents: int,
    import_s: float | None,
) -> Result:
    def middle(runs: list[dict[str, float]], name: str) -> float:
        return median(run[name] for run in runs)

    rate, floor = middle(ours, "per_s"), middle(reference, "per_s")
    return Result(
        "lookups",
        ours_per_s=rate,
        reference_per_s=floor,
        ratio=median(our["per_s"] / its["per_s"] for our, its in zip(ours, reference, strict=True)),
        wanted_ratio=WANTED_RATIO,
        p50_us=middle(ours, "p50_us"),
        p99_us=middle(ours, "p99_us"),
        wanted_p99_us=WANTED_P99_US,
        reference_p99_us=middle(reference, "p99_us"),
        pss_mib=memory,
        wanted_mib=WANTED_MIB,
        documents=documents,
        import_s=import_s,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--domains", type=int, default=DOMAINS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one round")
    parser.add_argument("--state", type=Path, help="keep the data set here, and use it again")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="ms-bench-") as folder:
        result = measure(arguments, Path(folder))
    if arguments.json:
        print(json.dumps([asdict(result)], indent=2))
        return 0
    print(
        f"{result.what}: ours {result.ours_per_s:,.0f}/s, "
        f"reference {result.reference_per_s:,.0f}/s, "
        f"ratio {result.ratio:.2f} (wanted {result.wanted_ratio}); "
        f"p50 {result.p50_us:.0f} µs, p99 {result.p99_us:.0f} µs (wanted under "
        f"{result.wanted_p99_us:.0f}; reference {result.reference_p99_us:.0f}); "
        f"PSS {result.pss_mib:.0f} MiB (wanted under {result.wanted_mib:.0f})"
    )
    if result.import_s is not None:
        print(f"import of {result.documents:,} documents: {result.import_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
