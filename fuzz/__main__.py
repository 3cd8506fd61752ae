"""``python -m fuzz TARGET``: change inputs at random, keep those that reach code not seen before.

Finds less than a compiled fuzzer, needs nothing, and is the same everywhere. ``--seed`` repeats a
run. An input that fails is written to ``fuzz/found/``, and the exit status is 1.
"""

import argparse
import hashlib
import importlib
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, ModuleType

FOUND = Path(__file__).parent / "found"
MAX_OCTETS = 20_000
Edge = tuple[str, int, int]


class Coverage:
    """Which line followed which, in the modules under test."""

    def __init__(self, watched: str) -> None:
        self._watched = watched
        self.edges: set[Edge] = set()

    def run(self, call: Callable[[bytes], None], data: bytes) -> None:
        sys.settrace(self._enter)
        try:
            call(data)
        finally:
            sys.settrace(None)

    def _enter(self, frame: FrameType, _event: str, _arg: object) -> object:
        file = frame.f_code.co_filename
        if self._watched not in file:
            return None
        last = frame.f_lineno

        def line(frame: FrameType, _event: str, _arg: object) -> object:
            nonlocal last
            self.edges.add((file, last, frame.f_lineno))
            last = frame.f_lineno
            return line

        return line


def changed(
    data: bytes, corpus: Sequence[bytes], words: Sequence[bytes], dice: random.Random
) -> bytes:
    """``data`` with one to four changes."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randint(0, len(out))
        match dice.randrange(6):
            case 0 if out:
                out[at % len(out)] = dice.randrange(256)
            case 1:
                out[at:at] = dice.choice(words)
            case 2:
                del out[at : at + dice.randint(1, 8)]
            case 3:
                other = dice.choice(corpus)
                cut = dice.randint(0, len(other))
                out[at:] = other[cut:]
            case 4:
                out[at:at] = out[at : at + dice.randint(1, 64)] * dice.randint(1, 40)
            case _:
                out[at:at] = bytes([dice.randrange(256)])
    return bytes(out[:MAX_OCTETS])


def fuzz(target: ModuleType, seconds: float, dice: random.Random) -> int:
    """Run ``target``; the number of inputs tried."""
    coverage = Coverage("mailstack/")
    corpus: list[bytes] = list(target.SEEDS)
    words = [*target.WORDS, b"\r\n", b"\n", b"\r", b"\0", b"\xff", b" " * 70]
    end, tried, seen = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        data = (
            corpus[tried]
            if tried < len(target.SEEDS)
            else changed(dice.choice(corpus), corpus, words, dice)
        )
        try:
            coverage.run(target.one, data)
        except Exception:
            FOUND.mkdir(exist_ok=True)
            path = (
                FOUND
                / f"{target.__name__.rpartition('.')[2]}-{hashlib.sha256(data).hexdigest()[:12]}"
            )
            path.write_bytes(data)
            print(f"{path}: {data[:200]!r}", file=sys.stderr)
            raise
        tried += 1
        if len(coverage.edges) > seen:
            seen = len(coverage.edges)
            corpus.append(data)
    print(f"{target.__name__}: {tried} inputs, {len(corpus)} kept, {seen} edges, no fault")
    return tried


def every_target() -> list[str]:
    """The modules beside this one that say what to do with ``one`` input."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    return [name for name in names if hasattr(importlib.import_module(f"fuzz.{name}"), "one")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="modules in fuzz/, e.g. lmtp; all unless named")
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}")
    for name in arguments.targets or every_target():
        fuzz(importlib.import_module(f"fuzz.{name}"), arguments.seconds, random.Random(seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
