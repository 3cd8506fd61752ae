"""A Debian 13 beside this machine's own release: its daemons are newer, and read other dialects.

``root()`` makes a system with the daemons in a cache folder, from the mirror that apt uses here.
Run as a program, this module enters such a root and executes a command in it: mounts and network
are its own, so the machine's ports, processes and files are not touched.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import publicsuffixlist

REPOSITORY = Path(__file__).parents[2]
INSIDE = "/mailstack"
"""Where the repository is, read only, inside the root."""

SUITE = "trixie"
RELEASE = 13
TOOLS = ("ca-certificates", "iproute2", "openssl", "procps", "util-linux")
PYTHON = (
    *("python3", "python3-pytest", "python3-pytest-asyncio", "python3-pytest-timeout"),
    *("python3-aiosmtpd", "python3-argon2", "python3-authres", "python3-cryptography"),
    *("python3-dkim", "python3-spf"),
    *("python3-dnspython", "python3-h11", "python3-httpx", "python3-hypothesis", "python3-idna"),
    *("python3-prometheus-client", "python3-pydantic", "python3-rich", "python3-starlette"),
    *("python3-typer", "python3-uvicorn", "python3-uvloop", "python3-watchfiles"),
)
"""Debian's own builds of what requirements/base.in and the tests import."""


def daemon_packages() -> Sequence[str]:
    """What ``mailstack up`` would install on Debian 13."""
    from mailstack.daemons import registry  # noqa: PLC0415 - not needed to enter a root

    release = {"VERSION_ID": str(RELEASE)}
    with patch("platform.freedesktop_os_release", return_value=release):
        daemons = [type(registry.daemon(service))() for service in registry.PACKAGES]
        return [name for daemon in daemons for name in daemon.packages]


def root() -> Path:
    """The folder of the system; made first, if there is none with these packages, made this way."""
    packages = sorted({*TOOLS, *PYTHON, *daemon_packages()})
    recipe = Path(__file__).read_bytes() + " ".join(packages).encode()
    wanted = cache() / f"{SUITE}-{hashlib.sha256(recipe).hexdigest()[:12]}"
    with _locked(cache() / f"{SUITE}.lock"):
        if not wanted.exists():
            for outdated in (*cache().glob(f"{SUITE}-*"), *cache().glob(f"unfinished-{SUITE}-*")):
                shutil.rmtree(outdated)
            _make(wanted, packages)
    return wanted


def cache() -> Path:
    """Kept between runs; may be deleted at any time between them."""
    base = os.environ.get("XDG_CACHE_HOME") or "/var/cache"
    folder = Path(base) / "mailstack-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(wanted: Path, packages: Sequence[str]) -> None:
    unfinished = Path(tempfile.mkdtemp(prefix=f"unfinished-{wanted.name}-", dir=wanted.parent))
    unfinished.chmod(0o755)
    # What it mounts while it works ends with it, even if it is killed.
    apart = ("unshare", "--mount", "--propagation", "private")
    options = ("--mode=root", "--variant=apt", f"--include={','.join(packages)}")
    finished = subprocess.run(
        [*apart, "mmdebstrap", *options, SUITE, str(unfinished), mirror()],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    (unfinished / INSIDE.lstrip("/")).mkdir()
    # Our programs are started as ``python3 -m mailstack.…`` with an environment of their own.
    importable = unfinished / "usr/lib/python3/dist-packages/mailstack.pth"
    importable.write_text(f"{INSIDE}/src\n")
    # The one library that Debian has not.
    shutil.copytree(Path(publicsuffixlist.__file__).parent, importable.parent / "publicsuffixlist")
    unfinished.rename(wanted)


def mirror() -> str:
    """Where apt gets this machine's release from."""
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    known = subprocess.run(
        ["apt-get", "indextargets", "--format=$(RELEASE) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.splitlines()
    places = (line.split(" ", 1) for line in known)
    return next(uri for release, uri in places if release == codename)


def run_inside(command: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in the root, from the repository; its processes end with it."""
    alone = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
    enter = [sys.executable, str(Path(__file__)), str(root()), *command]
    return subprocess.run(
        [*alone, *enter],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
    )


def enter(folder: Path, command: Sequence[str]) -> None:
    """Inside the namespaces: mount, change root, become ``command``."""
    _mount("--make-rprivate", "/")
    _mount("--bind", str(folder), str(folder))
    for kind, place in (("proc", "proc"), ("tmpfs", "tmp"), ("tmpfs", "run")):
        _mount("-t", kind, kind, str(folder / place))
    (folder / "tmp").chmod(0o1777)
    _mount("--rbind", "/dev", str(folder / "dev"))
    _mount("--bind", str(REPOSITORY), f"{folder}{INSIDE}")
    _mount("-o", "remount,bind,ro", f"{folder}{INSIDE}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.chroot(folder)
    os.chdir(INSIDE)
    os.execvpe(command[0], list(command), _environment())  # noqa: S606 - no shell is wanted


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("CI",) if name in os.environ}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    fixed = {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    return fixed | kept


if __name__ == "__main__":
    enter(Path(sys.argv[1]), sys.argv[2:])
