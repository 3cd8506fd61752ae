"""Every service but Postfix comes up without root, as its container's account: for real."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailstack.topology.stack import STACK

if os.geteuid() != 0:
    pytest.skip("accounts and namespaces need root", allow_module_level=True)

PROGRAM = Path(__file__).with_name("pod_place.py")
NEEDS_OTHERS = {"spamkeeper"}
"""Works on spamd's data, and is ready with spamd alone."""
ALONE = [s.name for s in STACK.services if s.uid and s.name not in NEEDS_OTHERS]
SECONDS = 60
INSIDE = (
    "ip link set lo up && sysctl -q -w net.ipv4.ip_unprivileged_port_start=0 "
    '&& exec "$0" "$1" "$2" "$3"'
)
"""What the pod's own network is: a loopback, and ports that anybody may open."""


@pytest.mark.parametrize("service", ALONE)
def test_a_service_needs_no_root(service: str) -> None:
    """As its own account, with a state folder of root's and read-only secrets, it becomes ready.

    A certificate that is exchanged as the kubelet does it is taken, where the service has one.
    """
    alone = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    words = [sys.executable, str(PROGRAM), service, str(SECONDS)]
    finished = subprocess.run(
        [*alone, "sh", "-c", INSIDE, *words],
        check=False,
        env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[2] / "src")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS + 60,
    )
    assert finished.returncode == 0, finished.stdout[-4000:]
