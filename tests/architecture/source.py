"""What the architecture tests read: the project's own files, parsed once."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "mailstack"


@cache
def modules() -> dict[str, ast.Module]:
    """Path relative to src/mailstack → syntax tree, of every module."""
    return {
        str(path.relative_to(SRC)): ast.parse(path.read_text())
        for path in sorted(SRC.rglob("*.py"))
    }


@cache
def templates() -> dict[str, str]:
    """Path relative to src/mailstack → text, of every file that is no Python."""
    return {
        str(path.relative_to(SRC)): path.read_text()
        for path in sorted(SRC.rglob("*"))
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }


@cache
def project_files() -> tuple[Path, ...]:
    """Every text file that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return tuple(path for path in paths if path.is_file() and _is_text(path))


def docstrings(tree: ast.AST) -> set[int]:
    """Identity of the nodes that are docstrings, or stand alone as a text about a name."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\0" not in file.read(4096)
