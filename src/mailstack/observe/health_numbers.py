"""The health of services as Prometheus reads it: of all, from a file; of one, from its container.

Every series is there from the start; that of certificates, where a service shows one.
"""

from collections.abc import Iterable, Iterator, Mapping

from mailstack.observe.health import ConfigState, Health, State


def exposition(healths: Iterable[Health]) -> str:
    """Return the text format, version 0.0.4."""
    records = list(healths)
    series = {
        ("mailstack_service_healthy", "gauge", "Whether the service answers its probe"): {
            health.service: int(health.state is State.HEALTHY) for health in records
        },
        ("mailstack_service_restarts_total", "counter", "Unplanned restarts"): {
            health.service: health.restarts for health in records
        },
        ("mailstack_config_refused", "gauge", "Whether the owner's latest wish is not in force"): {
            health.service: int(health.config.state is ConfigState.REFUSED) for health in records
        },
        ("mailstack_config_refusals_total", "counter", "Configurations refused"): {
            health.service: health.config.refusals for health in records
        },
        (
            "mailstack_certificate_not_after_seconds",
            "gauge",
            "When the certificate that the service shows ends, in seconds of the epoch",
        ): {
            health.service: int(health.certificate_ends)
            for health in records
            if health.certificate_ends is not None
        },
    }
    return families(series)


def families(series: Mapping[tuple[str, str, str], Mapping[str, int]]) -> str:
    """Return (name, kind, text) → service → value in the text format."""
    return "".join(
        line for head, values in series.items() for line in _family(*head, values.items())
    )


def _family(name: str, kind: str, text: str, values: Iterable[tuple[str, int]]) -> Iterator[str]:
    yield f"# HELP {name} {text}.\n# TYPE {name} {kind}\n"
    for service, value in values:
        yield f'{name}{{service="{service}"}} {value}\n'
