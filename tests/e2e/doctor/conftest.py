"""One stack for all that the doctor finds."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.e2e.stack import Stack, missing, running

from mailstack.demo.internet import small_internet


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mailstack-test-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """A stack whose public address is known, with a friend to send to."""
    if reason := missing():
        pytest.skip(reason)
    with _folder() as folder, _folder() as outside, small_internet(outside) as internet:
        settings = {
            "listen.public_addresses": json.dumps([internet.plan.stack]),
            "doctor.probe_hosts": '["mx.nowhere.example"]',
            "doctor.time_server": "time.nowhere.example@123",
        }
        with running(folder, internet, settings) as stack:
            yield stack
