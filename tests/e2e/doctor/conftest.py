"""One stack for all that the doctor finds."""

import json
from collections.abc import Iterator

import pytest
from tests.e2e.stack import Stack, missing, running
from tests.folder import state_folder

from mailstack.demo.internet import small_internet


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """A stack whose public address is known, with a friend to send to."""
    if reason := missing():
        pytest.skip(reason)
    with state_folder() as folder, state_folder() as outside, small_internet(outside) as internet:
        settings = {
            "listen.public_addresses": json.dumps([internet.plan.stack]),
            "doctor.probe_hosts": '["mx.nowhere.example"]',
            "doctor.time_server": "time.nowhere.example@123",
        }
        with running(folder, internet, settings) as stack:
            yield stack
