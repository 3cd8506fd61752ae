"""Which key signs for a domain."""

from tests.unit.directory.conftest import Fill
from tests.unit.store.samples import dkim, domain

from mailstack.directory import Directory
from mailstack.outcome import Found, NotFound


async def test_the_key_that_signs(directory: Directory, fill: Fill) -> None:
    """Neither one that waits nor one that goes; by each algorithm for itself."""
    await fill(dkim("example.org", "retired", "retiring", "signing", "made"))
    assert directory.signing_key("rsa:example.org") == Found("k3 sealed3")
    assert directory.signing_key("rsa:Example.ORG") == Found("k3 sealed3")
    assert directory.signing_key("ed25519:example.org") == Found("-")


async def test_a_domain_without_keys(directory: Directory, fill: Fill) -> None:
    """It is ours, so the one key signs; as while its first key waits to be seen."""
    await fill(domain("bare.example"), domain("waits.example"), dkim("waits.example", "made"))
    assert directory.signing_key("rsa:bare.example") == Found("-")
    assert directory.signing_key("rsa:waits.example") == Found("-")


async def test_a_domain_that_is_not_ours(directory: Directory, fill: Fill) -> None:
    """Nothing signs for it, nor for one that is disabled."""
    await fill(domain("off.example", enabled=False))
    assert directory.signing_key("rsa:elsewhere.example") == NotFound()
    assert directory.signing_key("rsa:off.example") == NotFound()
