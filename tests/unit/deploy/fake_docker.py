"""A ``docker`` that builds nothing: it reads its command line as docker does, and tells of it.

Of ``docker build`` it knows the options that we use, and refuses all others, as the Moby builder
refuses ``--layers``. Source: docs.docker.com, ``docker buildx build``.
"""

import argparse
import json
import sys
from pathlib import Path

TOLD = Path(__file__).with_name("told.json")


def main() -> None:
    """Read the command line, look at the files it names, and write down what is there."""
    parser = argparse.ArgumentParser(prog="docker", allow_abbrev=False)
    build = parser.add_subparsers(required=True).add_parser("build", allow_abbrev=False)
    build.add_argument("--file", required=True, type=Path)
    build.add_argument("--tag", required=True)
    build.add_argument("--network")
    build.add_argument("--build-arg", action="append", default=[])
    build.add_argument("context", type=Path)
    asked = parser.parse_args()
    told = {
        "argv": sys.argv[1:],
        "containerfile": asked.file.read_text(),
        "context": sorted(path.name for path in asked.context.iterdir()),
        "file_is_in_context": asked.file.parent == asked.context,
    }
    TOLD.write_text(json.dumps(told))


main()
