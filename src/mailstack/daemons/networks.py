"""From where the other services of the stack connect: loopback, or a cluster's networks."""

from typing import Final

from mailstack.topology.model import LOOPBACK, Endpoint

LOOPBACKS: Final = (LOOPBACK, "::1")
PRIVATE: Final = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""RFC 1918, RFC 6598 and RFC 4193: the ranges that pods get their addresses from."""


def of_services(internal: Endpoint) -> tuple[str, ...]:
    """Return networks that hold every other service; ``internal`` is an internal port's address.

    Such a port is on loopback where all run on one machine, and open to the pods in a cluster.
    """
    return (*LOOPBACKS, *PRIVATE) if internal.host == "all" else LOOPBACKS
