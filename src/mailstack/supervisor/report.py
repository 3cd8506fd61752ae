"""The answer to ``mailstack status``: each service's health, process, memory and ports.

Beside them the supervisor's own process and its nursery: they are part of what the stack costs.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from mailstack.aio import proc
from mailstack.observe.health import Health, State
from mailstack.topology.model import Service


def status(
    healths: Iterable[Health], services: Mapping[str, Service], offset: int
) -> dict[str, Any]:
    """Return what ``status --json`` prints; slow enough (some ms per process) for a thread."""
    among = proc.everything()
    records = list(healths)
    return {
        "healthy": all(health.state is State.HEALTHY for health in records),
        "services": {
            health.service: _one(health, services[health.service], offset, among)
            for health in records
        },
        "supervisor": _own(records, among),
    }


def _own(healths: Iterable[Health], among: Mapping[int, proc.Entry]) -> dict[str, int]:
    """Return the supervisor's number, and the memory of all that is no service's."""
    me, sessions = os.getpid(), {one for health in healths for one in health.sessions}
    ours = [e.pid for e in among.values() if e.parent == me and e.session not in sessions]
    memory = sum(map(proc.memory, [me, *ours]), proc.Memory())
    return {"pid": me, "rss_kib": memory.rss_kib, "pss_kib": memory.pss_kib}


def _one(
    health: Health, service: Service, offset: int, among: Mapping[int, proc.Entry]
) -> dict[str, Any]:
    memory = sum(
        (proc.memory(found.pid) for found in proc.tree(health.sessions, among)), proc.Memory()
    )
    return {
        "state": health.state.value,
        "reason": health.reason,
        "remark": health.remark,
        "pid": health.pid,
        "rss_kib": memory.rss_kib,
        "pss_kib": memory.pss_kib,
        "restarts": health.restarts,
        "ports": {port.name: port.number + offset for port in service.ports},
        "since": health.since,
        "config": {
            "state": health.config.state.value,
            "reason": health.config.reason,
            "since": health.config.since,
        },
    }
