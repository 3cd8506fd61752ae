"""Faults of what is around a stack: its zone, its clock, its disk, who is reached, who answers."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.doctor.examine import Seen, examined, only, until
from tests.e2e.doctor.outside import AHEAD, Zone
from tests.e2e.stack import Stack

from mailstack.demo.throwaway import DOMAIN

NOBODY = 74
"""A stranger at whose port 25 nobody listens."""


def test_a_record_that_is_missing(stack: Stack, zone: Zone) -> None:
    """The one that was removed is named, and no other, with the line to publish."""
    name = f"_dmarc.{DOMAIN}"
    before = _record(stack, "dns.dmarc")
    zone.remove(name, "TXT")
    try:
        found = until(lambda: _ill(stack))
    finally:
        zone.put(name, "TXT", before)
        stack.wait_for_another("resolver", stack.kill("resolver"))  # this one keeps the no
    assert set(found) == {"dns.dmarc"}
    assert found["dns.dmarc"]["fix"].startswith(f"publish: {name}. ")
    until(lambda: not _ill(stack))


def test_a_zone_whose_signatures_are_wrong(stack: Stack, zone: Zone) -> None:
    """Whoever validates does not find the domain: that is told, not that each record is missing."""
    with zone.forged():
        found = until(lambda: _ill(stack).get("dns.dnssec"))
    assert found["severity"] == "failure"
    assert f"the signatures of {DOMAIN} are wrong" in found["what"]
    assert "sign the zone anew" in found["fix"]
    until(lambda: not _ill(stack))


def _ill(stack: Stack) -> dict[str, dict[str, str]]:
    """What the check of the zone complains of; what it could not ask is no complaint."""
    seen = only(stack, "dns")
    return {f["key"]: f for f in (*seen.of("failure"), *seen.of("warning"))}


def _record(stack: Stack, key: str) -> str:
    """The data that the zone has, as the command to publish spells it."""
    lines = stack.cli("dns", "records", DOMAIN, "--zone").splitlines()
    (line,) = [line for line in lines if line.startswith(f"_{key.removeprefix('dns.')}.")]
    return line.split(" TXT ", 1)[1]


def test_a_clock_that_is_wrong(stack: Stack) -> None:
    """Ten minutes break signatures and tokens."""
    place = f"{stack.internet.plan.stranger(AHEAD)}@123"
    seen = until(
        lambda: _asked(examined(stack, "--set", f"doctor.time_server={place}", "--only", "clock"))
    )
    (finding,) = seen.of("failure")
    assert seen.code == 1
    assert "differs by" in finding["what"]
    assert "chrony" in finding["fix"]


def _asked(seen: Seen) -> Seen | None:
    """Nothing, where the answer did not come in time."""
    return None if seen.of("unknown") else seen


def test_nobody_answers_mail(stack: Stack) -> None:
    """Port 25 closed on the way out is what many providers do; the way round it is told."""
    name = "mx.nobody.example"
    stack.internet.publish({name: {"A": (stack.internet.plan.stranger(NOBODY),)}})
    hosts = f'doctor.probe_hosts=["{name}"]'
    seen = until(lambda: _asked(examined(stack, "--set", hosts, "--only", "port25.out")))
    (finding,) = seen.of("failure")
    assert name in finding["what"]
    assert "smtp.relayhost" in finding["fix"]


def test_nobody_is_at_the_public_address(stack: Stack) -> None:
    """Closed on the way in, or an address of somebody else: that cannot be told from here."""
    address = stack.internet.plan.stranger(NOBODY)
    addresses = f'listen.public_addresses=["{address}"]'
    seen = examined(stack, "--set", addresses, "--only", "port25.in", "--only", "relay")
    (finding,) = seen.of("unknown")
    assert finding["key"] == "port25.in"
    assert f"connect to {address}:" in finding["fix"]
    (relay,) = seen.of("ok")
    assert relay["what"].endswith("from within")


def test_a_service_that_hangs(stack: Stack) -> None:
    """It is named with where its log is, until its agent has started it anew."""

    def stopped() -> dict[str, str] | None:
        stack.kill("postgrey", signal.SIGSTOP)  # whichever runs by now
        ill = only(stack, "services").of("failure")
        return next((f for f in ill if f["what"].startswith("postgrey is ")), None)

    found = until(stopped)
    stack.kill("postgrey", signal.SIGCONT)
    assert found["fix"].endswith("/log/postgrey.log")
    stack.wait_healthy(timeout_s=150)


def test_a_disk_that_is_full(stack: Stack) -> None:
    """Below two percent daemons begin to refuse mail: a failure, of that file system alone."""
    folder = stack.state / "data" / "elsewhere"
    with _small(folder):
        (folder / "full").write_bytes(bytes(252 * 1024))
        seen = examined(stack, "--set", "doctor.min_free_percent=5", "--only", "disk")
    found = {f["what"].partition(":")[0]: f for f in seen.of("failure")}
    assert str(folder) in found[str(folder)]["fix"]


@contextmanager
def _small(folder: Path) -> Iterator[None]:
    """A file system of a quarter of a mebibyte."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()
