"""Has xmllint, a program that is none of ours, hold our reports against the schema of the RFC."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

SCHEMA = Path(__file__).with_name("aggregate.xsd")


def complaints(*documents: bytes) -> str:
    """What xmllint has to say about reports; empty: they are valid."""
    if shutil.which("xmllint") is None:
        pytest.skip("xmllint is not installed")
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name, f"{number}.xml") for number in range(len(documents))]
        for file, document in zip(files, documents, strict=True):
            file.write_bytes(document)
        argv = ["xmllint", "--nonet", "--noout", "--schema", str(SCHEMA), *map(str, files)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stderr
