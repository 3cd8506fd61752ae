"""One stack for all that the doctor finds, with all of it in order out there."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from tests.e2e.doctor.outside import RIGHT, Zone, published, telling_the_time
from tests.e2e.stack import Stack, missing, running
from tests.folder import state_folder

from mailstack.demo.internet import small_internet
from mailstack.demo.records import FRIEND

_INSECURE = "".join(f'    domain-insecure: "{name}"\n' for name in ("example", "arpa", "invalid"))
"""The small internet has no signed root; its one signed zone is trusted by its own key."""


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """A stack whose public address is known, with a friend to send to."""
    if reason := missing():
        pytest.skip(reason)
    with (
        state_folder() as folder,
        state_folder() as outside,
        small_internet(outside) as internet,
        telling_the_time(internet),
    ):
        settings = {
            "dns.dnssec": "true",
            "doctor.min_free_percent": "1",
            "doctor.probe_hosts": f'["mail.{FRIEND}"]',
            "doctor.time_server": f"{internet.plan.stranger(RIGHT)}@123",
            "listen.public_addresses": json.dumps([internet.plan.stack]),
        }
        resolver = folder / "var" / "overrides" / "resolver" / "test.conf"
        resolver.parent.mkdir(parents=True)
        resolver.write_text(f"server:\n{_INSECURE}")
        with running(folder, internet, settings) as stack:
            yield stack


@pytest.fixture(scope="package")
def zone(stack: Stack) -> Iterator[Zone]:
    """The domain's own zone, signed, on a name server of its own."""
    with asyncio.Runner() as runner, published(stack, runner) as zone:
        yield zone
