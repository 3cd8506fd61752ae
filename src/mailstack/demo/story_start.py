"""The demonstration's beginning: from nothing to a running stack with people in it."""

import secrets
import tempfile
from typing import Final

from mailstack.daemons import registry
from mailstack.demo.internet import small_internet
from mailstack.demo.records import FRIEND, OTHER
from mailstack.demo.steps import Step, expect
from mailstack.demo.throwaway import Throwaway
from mailstack.demo.world import (
    ADA,
    BEN,
    CATCH_ALL_DOMAIN,
    SIEVE,
    SIEVE_FOLDER,
    TO_ALIAS,
    World,
)
from mailstack.install import debian, programs

_SETTINGS: Final = {
    "greylist.delay": "2",
    # The blocklists of the default do not exist in the small internet.
    "smtp.dnsbl_sites": "[]",
}


def packages(world: World) -> str:
    lacking = programs.missing_packages(map(registry.daemon, registry.PACKAGES))
    if not programs.is_found("ip"):
        lacking.append("iproute2")
    if not lacking:
        return "every daemon is installed"
    debian.install(lacking, world.tell)
    return f"installed {' '.join(lacking)}"


def internet(world: World) -> str:
    folder = world.folder / "outside"
    folder.mkdir(mode=0o700)
    running = world.cleanup.enter_context(small_internet(folder))
    world.stack = Throwaway.new(world.folder, running, _SETTINGS)
    return f"network namespace {running.plan.namespace}, {running.plan.network}: {FRIEND}, {OTHER}"


def up(world: World) -> str:
    world.stack.up()
    services = world.stack.status()["services"]
    return f"{len(services)} services are healthy: {', '.join(services)}"


def people(world: World) -> str:
    cli = world.stack.cli
    cli("domain", "add", CATCH_ALL_DOMAIN)
    for address in (ADA, BEN):
        world.passwords[address] = secrets.token_urlsafe(12)
        cli("user", "add", address, "--password-stdin", stdin=world.passwords[address])
    cli("alias", "add", TO_ALIAS.recipient, ADA)
    cli("alias", "add", f"@{CATCH_ALL_DOMAIN}", BEN)
    world.stack.publish(CATCH_ALL_DOMAIN)
    return f"{ADA} and {BEN}, an alias, a catch-all for {CATCH_ALL_DOMAIN}"


def script(world: World) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".sieve") as script:
        script.write(SIEVE)
        script.flush()
        world.stack.cli("sieve", "put", ADA, "minutes", script.name, "--activate")
    return f"{ADA} has a script that files '[minutes]' into {SIEVE_FOLDER}"


def login(world: World) -> str:
    with world.stack.mailbox(ADA, world.password(ADA)) as mailbox:
        folders = mailbox.folders()
        tls = mailbox.imap.sock.version() if hasattr(mailbox.imap.sock, "version") else ""
    expect(that="Spam" in folders, otherwise=f"no Spam folder among {sorted(folders)}")
    return f"IMAP over {tls}; folders {', '.join(sorted(folders))}"


STEPS = (
    Step("Programs", "the daemons of the distribution, as they are", packages, essential=True),
    Step(
        "A small internet",
        "DNS and two mail domains, with no way to the real one",
        internet,
        essential=True,
    ),
    Step("The stack starts", "one command brings up every daemon, healthy", up, essential=True),
    Step(
        "Domains, users, alias, catch-all",
        "the command line writes the store",
        people,
        essential=True,
    ),
    Step("A sieve script", "it compiles, so it is stored and in force", script),
    Step("A user logs in", "IMAP over TLS, folders are there from the start", login),
)
