"""The stack as its owner starts, asks and stops it, and what a killed supervisor leaves."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress

import pytest
from tests.e2e.stack import Stack

from mailstack.aio import proc
from mailstack.topology.stack import STACK

SERVICES = {service.name for service in STACK.services} - {"letsencrypt"}
"""All but what runs only where it is asked for (acme.enabled)."""
EACH = {"state", "pid", "rss_kib", "pss_kib", "restarts", "ports", "since", "config", "remark"}


def processes(stack: Stack) -> dict[int, str]:
    """Every live process whose arguments name the state folder → these arguments."""
    found = {}
    for pid, entry in proc.everything().items():
        with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            words = file.read().decode(errors="replace").replace("\0", " ")
            if entry.alive and str(stack.state) in words and pid != os.getpid():
                found[pid] = words
    return found


def ended(stack: Stack, timeout_s: float = 60) -> Mapping[int, str]:
    """Wait until no process is left; return those that are."""
    deadline = time.monotonic() + timeout_s
    while (left := processes(stack)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def test_status_is_the_contract(stack: Stack) -> None:
    """``status --json`` has each service with its process, memory, ports and configuration."""
    found = json.loads(stack.cli("status", "--json"))
    assert found["healthy"] is True
    assert set(found["services"]) == SERVICES
    for name, one in found["services"].items():
        assert set(one) >= EACH
        assert proc.entry(one["pid"]) is not None
        assert one["pss_kib"] > 0
        assert set(one["ports"]) == {port.name for port in STACK.service(name).ports}
    assert found["supervisor"]["pss_kib"] > 0
    table = stack.cli("status")
    assert all(name in table for name in (*SERVICES, "supervisor", "in all"))


def test_a_second_up_joins(stack: Stack) -> None:
    """``up --detach`` on a running stack waits for it and is content."""
    throwaway = stack.throwaway
    arguments = ["up", "--detach"]
    finished = throwaway.run(*arguments)
    assert (finished.returncode, finished.stdout) == (0, "The stack runs already.\n")


@pytest.fixture
def own_stack(second_stack: Stack) -> Stack:
    """A stack of the tests here alone; it runs, whatever the one before has done to it."""
    second_stack.throwaway.up()
    return second_stack


def test_a_killed_supervisor(own_stack: Stack) -> None:
    """Nothing of the stack outlives it; after the next ``up`` mail goes on."""
    user = own_stack.user()
    supervisor = own_stack.status()["supervisor"]["pid"]
    before = {one["pid"] for one in own_stack.status()["services"].values()}
    os.kill(supervisor, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while left := before & {one.pid for one in proc.everything().values() if one.alive}:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    own_stack.throwaway.up()
    after = {one["pid"] for one in own_stack.status()["services"].values()}
    assert not before & after
    assert not before & processes(own_stack).keys()
    assert own_stack.send(user.address, "goes on").code == 250
    own_stack.delivered(user, "goes on")


def test_down_leaves_nothing(own_stack: Stack) -> None:
    """``down`` is quick, ends every process, and a second one has nothing to do."""
    began = time.monotonic()
    own_stack.throwaway.down()
    assert time.monotonic() - began < 20
    assert ended(own_stack) == {}
    finished = own_stack.throwaway.run("down")
    assert (finished.returncode, finished.stdout) == (0, "The stack does not run.\n")
    assert own_stack.throwaway.run("status").returncode == 1


def test_a_refused_first_configuration(second_stack: Stack) -> None:
    """``up --detach`` says which line is wrong, exits 1, and leaves nothing running."""
    second_stack.throwaway.down()
    file = second_stack.override("dovecot/own.conf", "# fine\nnonsense_setting = 1\n")
    finished = second_stack.throwaway.run("up", "--detach")
    assert finished.returncode == 1
    last = finished.stderr.strip().splitlines()[-1]
    assert f"{file}:2" in last
    assert "nonsense_setting" in last
    assert ended(second_stack) == {}
    file.rename(file.with_name("own.comf"))
    finished = second_stack.throwaway.run("up", "--detach")
    assert "did you mean *.conf?" in finished.stderr
    assert ended(second_stack) == {}
    file.with_name("own.comf").unlink()


def test_one_service_by_itself(second_stack: Stack) -> None:
    """``run SERVICE`` is the agent of one service: it comes up, is told to end, and ends."""
    second_stack.throwaway.down()
    throwaway = second_stack.throwaway
    with subprocess.Popen(
        [*throwaway.command, "run", "postgrey"], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line == "mailstack: postgrey is healthy\n":
                break
        second = throwaway.run("run", "postgrey")
        assert second.returncode == 1
        assert "runs postgrey" in second.stderr
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=60) == 0
    assert ended(second_stack) == {}
