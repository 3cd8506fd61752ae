"""A pod without a cluster: an agent as the kubelet would start it, in namespaces of its own.

Run as a program by ``test_pods.py``: ``pod_place.py SERVICE SECONDS``. The account is the
container's, the state folder is root's, secrets are readable by the group, every other pod has an
address.
Exit 0: the service became ready, and follows a certificate that the kubelet exchanges.
"""

import asyncio
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from mailstack.agent.secrets import CERTIFICATE, make_missing
from mailstack.aio.files import point_link
from mailstack.settings_file import load
from mailstack.topology.model import LOOPBACK
from mailstack.topology.stack import STACK

_BIND = 4096
"""MS_BIND of linux/mount.h."""
FOLLOWS_S = 10.0
"""On a busy machine; alone it takes less than two."""
HERE = Path("/mnt")
"""Where an account that may not enter the checkout finds it."""


def main() -> int:
    """Set the place up, start the agent, and ask it as the kubelet does."""
    service, seconds = sys.argv[1], float(sys.argv[2])
    uid = STACK.service(service).uid
    folder = Path(tempfile.mkdtemp(prefix="pod-"))
    folder.chmod(0o755)
    _files(folder, service, uid)
    python = _mounts(folder)
    agent = subprocess.Popen(
        [
            *("setpriv", "--reuid", str(uid), "--regid", str(uid), "--groups", str(uid), "--"),
            *(python, "-m", "mailstack.cli", "run", service),
        ],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(HERE / "src"),
            "MAILSTACK_ENGINE": "pod",
            "MAILSTACK_CONFIG": str(folder / "mailstack.toml"),
            "MAILSTACK_STATE": str(folder / "state"),
        },
        cwd="/",
    )
    try:
        if not _ready(STACK.agent_port(service), agent, seconds):
            return 1
        if "tls" not in STACK.service(service).secrets:
            return 0
        return 0 if _follows_certificate(folder, service) else 1
    finally:
        agent.terminate()
        agent.wait(20)
        shutil.rmtree(folder)


def _files(folder: Path, service: str, uid: int) -> None:
    (folder / "mailstack.toml").write_text('domain = "example.org"\nemail = "owner@example.net"\n')
    state = folder / "state"
    (state / "overrides" / service).mkdir(parents=True)
    state.chmod(0o777)
    for owner in {service, STACK.service(service).also} - {""}:
        (state / "data" / owner).mkdir(parents=True)
        os.chown(state / "data" / owner, 0, uid)
        (state / "data" / owner).chmod(0o2770)
    (state / "secure").mkdir()
    _publish(folder, uid, "..1")
    for path in (state / "secure" / "..1").iterdir():
        (state / "secure" / path.name).symlink_to(f"..data/{path.name}")


def _publish(folder: Path, uid: int, name: str) -> None:
    """Put secrets into the volume as the kubelet does: a folder, and the link that points to it."""
    secure = folder / "state" / "secure"
    made = secure / name
    asyncio.run(make_missing(made, load(folder / "mailstack.toml")))
    for path in (made, *made.rglob("*")):
        os.chown(path, 0, uid)
        path.chmod(0o750 if path.is_dir() else 0o440)
    before = (secure / "..data").readlink() if (secure / "..data").is_symlink() else None
    point_link(secure / "..data", name)
    if before is not None:
        shutil.rmtree(secure / before)


def _follows_certificate(folder: Path, service: str) -> bool:
    """Exchange the secrets, and wait until the daemon's own copy is the new certificate."""
    _publish(folder, STACK.service(service).uid, "..2")
    state = folder / "state"
    wanted = (state / "secure" / CERTIFICATE).read_bytes()
    deadline = time.monotonic() + FOLLOWS_S
    while (state / "run" / service / CERTIFICATE).read_bytes() != wanted:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _mounts(folder: Path) -> str:
    """Names, accounts and the checkout, for this mount namespace alone; return the interpreter."""
    pods = " ".join({STACK.pod_of(service.name) for service in STACK.services})
    _replace(folder, "/etc/hosts", f"{LOOPBACK} localhost {pods}\n")
    numbers = {
        str(name): one.uid
        for one in STACK.services
        if (name := one.account_inside or one.account) and isinstance(name, str) and one.uid
    }
    for file, line in (
        ("/etc/passwd", "{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin"),
        ("/etc/group", "{name}:x:{uid}:"),
    ):
        others = [x for x in Path(file).read_text().splitlines() if x.split(":")[0] not in numbers]
        ours = [line.format(name=name, uid=uid) for name, uid in numbers.items()]
        _replace(folder, file, "\n".join([*others, *ours]) + "\n")
    _mount("tmpfs", HERE, "tmpfs")
    _bind(Path(__file__).parents[2] / "src", HERE / "src")
    if sys.prefix == sys.base_prefix:
        return sys.executable
    _bind(Path(sys.prefix), HERE / "venv")
    return str(HERE / "venv" / "bin" / "python")


def _replace(folder: Path, file: str, text: str) -> None:
    mine = folder / Path(file).name
    mine.write_text(text)
    _mount(str(mine), Path(file))


def _bind(source: Path, target: Path) -> None:
    target.mkdir()
    _mount(str(source), target)


def _mount(source: str, target: Path, kind: str = "") -> None:
    """mount(2): a bare Debian 13 has no mount(8). Without a kind, a bind mount."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = 0 if kind else _BIND
    if libc.mount(source.encode(), bytes(target), kind.encode() or None, flags, None) != 0:
        raise OSError(ctypes.get_errno(), f"{source} cannot be mounted at {target}")


def _ready(port: int, agent: subprocess.Popen[bytes], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and agent.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/readyz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


if __name__ == "__main__":
    sys.exit(main())
