"""The wire: a network namespace and a pair of virtual ends, one here and one in there.

Every address of the outside networks is local to the namespace, so the outside can speak from any
of them without configuring each. There is no default route: nothing reaches the real internet.
"""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from mailstack.demo.addresses import SLOT_PREFIX, Plan
from mailstack.errors import MissingProgram, ServiceFailed

_NAMESPACES = Path("/run/netns")


def create(plan: Plan) -> None:
    """Build the network of ``plan``.

    Raises:
        MissingProgram: iproute2 is not installed.
        ServiceFailed: the kernel refused (no root, no namespaces).
    """
    inner = f"{plan.interface}o"
    _ip("netns", "add", plan.namespace)
    _ip("link", "add", plan.interface, "type", "veth", "peer", inner, "netns", plan.namespace)
    for address in (plan.stack, plan.neighbour):
        _ip("address", "add", f"{address}/{SLOT_PREFIX}", "dev", plan.interface)
    _ip("link", "set", plan.interface, "up")
    _ip("-n", plan.namespace, "link", "set", "lo", "up")
    _ip("-n", plan.namespace, "address", "add", f"{plan.nameserver}/{SLOT_PREFIX}", "dev", inner)
    _ip("-n", plan.namespace, "link", "set", inner, "up")
    for network in plan.outside:
        _ip("-n", plan.namespace, "route", "add", "local", str(network), "dev", "lo")


def remove(plan: Plan) -> None:
    """Remove the network of ``plan`` and whatever still runs inside. Nothing there: fine."""
    if (_NAMESPACES / plan.namespace).exists():
        for pid in map(int, _ip("netns", "pids", plan.namespace).split()):
            if pid != os.getpid():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        _ip("netns", "delete", plan.namespace)
    # The wire goes with the namespace, but only when its last process has been reaped.
    if Path("/sys/class/net", plan.interface).exists():
        with suppress(ServiceFailed):
            _ip("link", "delete", plan.interface)


def inside(plan: Plan) -> list[str]:
    """Return the words that run a command inside.

    ``nsenter`` rather than ``ip netns exec``, which also takes the mounts apart.
    """
    return ["nsenter", f"--net={_NAMESPACES / plan.namespace}", "--"]


def _ip(*words: str) -> str:
    try:
        done = subprocess.run(
            ["ip", *words], capture_output=True, text=True, timeout=10, check=False
        )
    except FileNotFoundError as error:
        raise MissingProgram("ip is not installed", advice="install iproute2") from error
    if done.returncode:
        what = done.stderr.strip() or f"status {done.returncode}"
        raise ServiceFailed(f"ip {' '.join(words)}: {what}", advice="run as root")
    return done.stdout
