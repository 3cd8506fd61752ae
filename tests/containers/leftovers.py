"""What podman leaves on the machine's network when a run is killed, and would mislead the next one.

Its name server and its forwarding of ports are shared by all stores of the machine and go by the
name of a network, or by an address and port, both of which the next run has again.
"""

import shlex
import subprocess
from pathlib import Path

_NAMES = Path("/run/containers/networks/aardvark-dns")
"""A file for each network: its server's address and the names there."""
_CHAIN = "NETAVARK-HOSTPORT-DNAT"


def forget(project: str) -> None:
    """Remove names and forwarded ports of the networks of a project that runs no more."""
    for stale in _NAMES.glob(f"{project}_*"):
        stale.unlink(missing_ok=True)
    for rule in _rules("-S", _CHAIN).splitlines():
        if rule.startswith("-A ") and f"dnat name: {project}_" in rule:
            words = shlex.split(rule)
            _rules("-D", *words[1:])
            # The chain of the network, which the next one of this name is appended to.
            _rules("-F", words[-1])
            _rules("-X", words[-1])


def _rules(*arguments: str) -> str:
    """Ask or change the table; where there is no such chain, there is nothing to forget."""
    argv = ["iptables", "--wait", "--table", "nat", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False).stdout
