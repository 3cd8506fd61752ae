"""``python -m mailstack.generate``: write the generated files; ``--check``: only compare.

Generated files are committed, so that a change's diff shows what it does to them. ``--check`` fails
when one is stale, and ``make check`` runs it.
"""

import sys
from pathlib import Path

from mailstack.generate.pages import PAGES

ROOT = Path(__file__).parents[3]


def stale(root: Path = ROOT) -> list[str]:
    """Paths whose file is missing or differs from what would be written now."""
    return [path for path, text in PAGES.items() if _read(root / path) != text()]


def main() -> int:
    """Return the exit code."""
    paths = stale()
    if sys.argv[1:] == ["--check"]:
        for path in paths:
            sys.stderr.write(f"{path} is stale; run 'make generate'\n")
        return 1 if paths else 0
    for path in paths:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(PAGES[path]())
        sys.stdout.write(f"wrote {path}\n")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
