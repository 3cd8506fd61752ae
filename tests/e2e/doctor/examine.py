"""Runs ``mailstack doctor`` and reads what it says."""

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tests.e2e.stack import Stack

from mailstack.topology.stack import STACK

T = TypeVar("T")
PATIENCE_S = 150.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run said."""

    code: int
    findings: list[dict[str, str]]

    def of(self, severity: str) -> list[dict[str, str]]:
        return [f for f in self.findings if f["severity"] == severity]

    def keys(self, severity: str) -> set[str]:
        return {f["key"] for f in self.of(severity)}


def examined(stack: Stack, *arguments: str) -> Seen:
    done = stack.throwaway.run("doctor", "--json", *arguments)
    assert done.stdout, done.stderr
    return Seen(done.returncode, json.loads(done.stdout)["findings"])


def only(stack: Stack, key: str) -> Seen:
    return examined(stack, "--only", key)


def until(look: Callable[[], T | None]) -> T:
    """Look again until there is something to see."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, "not seen in time"
        time.sleep(0.2)
    return found


def metrics(stack: Stack) -> str:
    """Couchmail's numbers, as Prometheus reads them."""
    number = STACK.service("couchmail").port("api").number + stack.throwaway.offset
    connection = http.client.HTTPConnection("127.0.0.1", number, timeout=20)
    connection.request("GET", "/metrics")
    page = connection.getresponse().read().decode()
    connection.close()
    return page
