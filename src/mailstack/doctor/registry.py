"""Every check, in the order in which a person reads them. A new one is a module and a line here."""

from dataclasses import dataclass
from typing import Final

from mailstack.doctor.canary import canary
from mailstack.doctor.certificates import certificates
from mailstack.doctor.clock import clock
from mailstack.doctor.context import Check
from mailstack.doctor.datastore import datastore
from mailstack.doctor.disk import disk, memory
from mailstack.doctor.names import blocklists, dnssec, domains, reverse
from mailstack.doctor.port25 import incoming, outgoing
from mailstack.doctor.queue import queue
from mailstack.doctor.relay import relay
from mailstack.doctor.secrets import secrets
from mailstack.doctor.services import overrides, services


@dataclass(frozen=True, slots=True)
class Entry:
    """One check, and how long it may take."""

    key: str
    group: str
    check: Check
    timeout_s: float = 60.0


_STACK, _WORLD, _MACHINE, _MAIL = "The stack", "The world's view", "This machine", "Mail"

CHECKS: Final = (
    Entry("services", _STACK, services),
    Entry("config", _STACK, overrides),
    Entry("datastore", _STACK, datastore),
    Entry("queue", _STACK, queue),
    Entry("tls", _STACK, certificates),
    Entry("secrets", _STACK, secrets),
    Entry("relay", _WORLD, relay, 120.0),
    Entry("port25.in", _WORLD, incoming),
    Entry("port25.out", _WORLD, outgoing, 90.0),
    Entry("reverse", _WORLD, reverse),
    Entry("blocklist", _WORLD, blocklists),
    Entry("dnssec", _WORLD, dnssec),
    Entry("dns", _WORLD, domains, 300.0),
    Entry("clock", _MACHINE, clock),
    Entry("disk", _MACHINE, disk),
    Entry("memory", _MACHINE, memory),
    Entry("canary", _MAIL, canary, 150.0),
)
