"""The small internet itself, in the kernel."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.stack import wait_until_unused

from mailstack.demo.addresses import Plan
from mailstack.demo.internet import SmallInternet, small_internet
from mailstack.errors import ServiceFailed
from mailstack.topology.model import Endpoint

_START = """
import pathlib, sys
from mailstack.demo.internet import small_internet
with small_internet(pathlib.Path(sys.argv[1])) as internet:
    print(internet.plan.slot, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def alone() -> Iterator[SmallInternet]:
    """A small internet without a stack."""
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces")
    with small_internet() as internet:
        yield internet


def test_a_client_out_there_has_its_own_address(alone: SmallInternet) -> None:
    """Who connects from a stranger's address is seen as that stranger."""
    source = alone.plan.stranger(5)
    with (
        socket.create_server((alone.plan.stack, 0)) as listener,
        alone.connect(source, Endpoint(alone.plan.stack, listener.getsockname()[1])),
    ):
        accepted, peer = listener.accept()
        accepted.close()
    assert peer[0] == source


def test_who_is_refused_is_told(alone: SmallInternet) -> None:
    """No listener is a clear error, not a wait."""
    with pytest.raises(ServiceFailed, match="ConnectionRefusedError"):
        alone.connect(alone.plan.friend, Endpoint(alone.plan.stack, 9))


def test_two_run_side_by_side(alone: SmallInternet) -> None:
    """A second one takes another network, and its outside reaches its own stack."""
    with small_internet() as second, socket.create_server((second.plan.stack, 0)) as listener:
        assert not second.plan.network.overlaps(alone.plan.network)
        here = Endpoint(second.plan.stack, listener.getsockname()[1])
        with second.connect(second.plan.friend, here) as connection:
            assert connection.getpeername()[0] == second.plan.stack


def test_nothing_is_left(alone: SmallInternet) -> None:
    """When it ends, its namespace and its wire are gone."""
    with small_internet() as second:
        plan = second.plan
        assert Path("/sys/class/net", plan.interface).exists()
    assert not Path("/sys/class/net", plan.interface).exists()
    assert not Path("/run/netns", plan.namespace).exists()
    assert alone.plan != plan


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """SIGKILL leaves a network behind; the next run finds it unused and removes it."""
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces")
    killed = subprocess.Popen(
        [sys.executable, "-c", _START, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with killed:
        assert killed.stdout is not None
        plan = Plan(int(killed.stdout.readline()))
        killed.kill()
    wait_until_unused(plan)
    namespace = Path("/run/netns", plan.namespace)
    left = namespace.stat().st_ino
    with small_internet() as internet:
        assert internet.plan == plan or not namespace.exists()
        assert not namespace.exists() or namespace.stat().st_ino != left
