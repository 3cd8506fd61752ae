"""``python -m mailstack.generate``: write the generated files; ``--check``: only compare.

Generated files are committed, so that a change's diff shows what it does to them. ``--check`` fails
when one is stale, and ``make check`` runs it.
"""

import sys
from pathlib import Path

from mailstack.generate.examples import FOLDER
from mailstack.generate.pages import PAGES

ROOT = Path(__file__).parents[3]


def stale(root: Path = ROOT) -> list[str]:
    """Paths whose file is missing, or differs from what would be written now, or is no more."""
    changed = [path for path, text in PAGES.items() if _read(root / path) != text()]
    return [*changed, *_surplus(root)]


def _surplus(root: Path) -> list[str]:
    """Files of the example that nothing renders any more."""
    there = (str(path.relative_to(root)) for path in (root / FOLDER).rglob("*") if path.is_file())
    return sorted(path for path in there if path not in PAGES and not path.endswith("README.md"))


def main() -> int:
    """Return the exit code."""
    paths = stale()
    if sys.argv[1:] == ["--check"]:
        for path in paths:
            sys.stderr.write(f"{path} is stale; run 'make generate'\n")
        return 1 if paths else 0
    for path in paths:
        _write(path)
    return 0


def _write(path: str) -> None:
    file = ROOT / path
    if path not in PAGES:
        file.unlink()
        sys.stdout.write(f"removed {path}\n")
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(PAGES[path]())
    if file.suffix == ".sh":
        file.chmod(0o755)
    sys.stdout.write(f"wrote {path}\n")


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
