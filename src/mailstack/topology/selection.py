"""Which part of the declaration the settings ask for.

A service that settings switch off has no container, and nobody waits for it. On one machine nearly
all services run whatever the settings say: there they cost little, and can be switched on at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mailstack.topology.model import INTERNET, Job, Link, Service, Topology

if TYPE_CHECKING:
    from mailstack.settings import Settings

_SWITCHES: Final[Mapping[str, "Callable[[Settings], bool]"]] = {
    "postgrey": lambda settings: settings.greylist.enabled,
    "spamd": lambda settings: settings.filter.enabled,
    "tlspolicy": lambda settings: settings.tls_policy.mta_sts,
    "letsencrypt": lambda settings: settings.acme.enabled,
}
"""Service → whether it is wanted. Whoever shares its pod goes with it."""
_ASKED_FOR: Final = frozenset({"letsencrypt"})
"""Run on one machine only where they are wanted: port 80 may be somebody else's there."""


_HOURS_OF_A_DAY: Final = 24


def selected(topology: Topology, settings: "Settings") -> Topology:
    """Return the services and jobs that are wanted, and the links between those."""
    jobs = (_by_the_clock(job, settings) for job in topology.jobs)
    wanted = tuple(job for job in jobs if job is not None)
    return only(replace(topology, jobs=wanted), lambda service: _is_wanted(service, settings))


def only(topology: Topology, wanted: Callable[[Service], bool]) -> Topology:
    """Return the services that are ``wanted``, and the links between those."""
    services = tuple(service for service in topology.services if wanted(service))
    names = {s.name for s in services} | {job.name for job in topology.jobs} | {INTERNET}
    return replace(
        topology,
        services=services,
        links=tuple(link for link in topology.links if _is_between(link, names)),
    )


def on_one_machine(topology: Topology, settings: "Settings") -> tuple[Service, ...]:
    """Return the services that run where all run on this machine."""
    return tuple(
        service
        for service in topology.services
        if service.name not in _ASKED_FOR or _SWITCHES[service.name](settings)
    )


def _is_wanted(service: Service, settings: "Settings") -> bool:
    if service.optional and settings.kubernetes.profile == "micro":
        return False
    switches = (_SWITCHES.get(name) for name in (service.name, service.pod))
    return all(is_on(settings) for is_on in switches if is_on is not None)


def _by_the_clock(job: Job, settings: "Settings") -> Job | None:
    """Return the job as often as the settings want it; None: never."""
    if job.optional and settings.kubernetes.profile == "micro":
        return None
    if job.name != "doctor":
        return job
    hours = settings.doctor.every_hours
    return replace(job, schedule=_every(hours, job.schedule)) if hours else None


def _every(hours: int, schedule: str) -> str:
    """Return the nearest that crontab(5) can say, at the minute of ``schedule``."""
    minute = schedule.split(maxsplit=1)[0]
    if hours < _HOURS_OF_A_DAY:
        return f"{minute} */{hours} * * *"
    return f"{minute} 4 */{round(hours / _HOURS_OF_A_DAY)} * *"


def _is_between(link: Link, names: set[str]) -> bool:
    return link.source in names and link.target in names
