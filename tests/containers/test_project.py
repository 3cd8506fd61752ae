"""All services in containers, built from this checkout and kept as the compose file says.

What mail does in detail is the business of tests/e2e; here, that it does so in containers too.
"""

import json
from collections.abc import Callable

import pytest
from tests.containers.images import sizes
from tests.containers.project import SERVICES, Project
from tests.containers.running import POSTFIX

from mailstack.demo import letter
from mailstack.demo.records import OTHER
from mailstack.topology.stack import STACK

pytestmark = pytest.mark.timeout(900)
"""The first test waits for images, which takes some minutes where none are cached."""

SCRIPT = 'require "fileinto"; if header :contains "subject" "boat" { fileinto "Archive"; }'


@pytest.mark.parametrize("service", SERVICES)
def test_the_declared_health_check_passes(stack: Project, service: str) -> None:
    """What an engine asks in the container, by the image's own program."""
    done = stack.podman.run("healthcheck", "run", stack.container(service))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_may_do_no_more_than_declared(stack: Project, service: str) -> None:
    """Its root is read-only, and nobody but Postfix has a capability or is root."""
    found = json.loads(stack.podman.do("inspect", stack.container(service)))[0]
    assert found["HostConfig"]["ReadonlyRootfs"]
    declared = STACK.service(service)
    assert found["Config"]["User"] == f"{declared.uid}:{declared.uid}"
    if declared.uid:
        assert not found["EffectiveCaps"]


def test_each_service_has_its_image(stack: Project, measured: Callable[[str], None]) -> None:
    """Built from this checkout, all under one tag."""
    found = list(sizes(stack.podman, stack.throwaway.settings["kubernetes.tag"]))
    assert {line.partition(":")[0] for line in found} == {one.name for one in STACK.services}
    for line in found:
        measured(f"image {line}")


def test_mail_from_outside_is_delivered(stack: Project) -> None:
    """A friend's message is accepted at the published port 25, and read at 993."""
    user = stack.user()
    assert stack.send(user.address, "minutes").code == 250
    assert stack.delivered(user, "minutes")


def test_spam_is_delivered_to_its_folder(stack: Project) -> None:
    """The scanner is in another container than who delivers."""
    user = stack.user()
    assert stack.send(user.address, "win", letter.GTUBE).code == 250
    assert stack.delivered(user, "win", "Spam")


def test_an_alias_leads_to_its_user(stack: Project) -> None:
    """Postfix asks the datastore's container at each recipient, so a new one counts at once."""
    user = stack.user()
    address = user.address.replace(user.name, stack.fresh("alias"))
    stack.alias(address, user.address)
    assert stack.send(address, "by alias").code == 250
    assert stack.delivered(user, "by alias")


def test_nobody_is_refused(stack: Project) -> None:
    """An address that does not exist is refused at RCPT, not bounced."""
    assert stack.send(f"{stack.fresh('nobody')}@{stack.throwaway.domain}").code == 550


def test_a_users_script_runs(stack: Project) -> None:
    """It is stored in one container and read from there, at each delivery, by another."""
    user = stack.user()
    stack.put_script(user, SCRIPT)
    assert stack.send(user.address, "the boat").code == 250
    assert stack.delivered(user, "the boat", "Archive")


def test_a_user_sends_with_a_signature(stack: Project) -> None:
    """Logged in at 587, signed by opendkim's container, delivered outside, and verified there."""
    user, recipient = stack.user(), f"{stack.fresh('carol')}@{OTHER}"
    octets = letter.write(user.address, recipient, "greetings")
    with stack.submission(user) as session:
        session.sendmail(user.address, [recipient], octets)
    received = stack.internet.received(recipient=recipient, timeout_s=30)
    found = {(one.domain, one.verified) for one in received[0].signatures}
    assert found == {(stack.throwaway.domain, True)}


def test_an_exchanged_override_is_live_and_a_bad_one_is_not(stack: Project) -> None:
    """As the kubelet exchanges a ConfigMap: no restart, and the pod stays healthy all the time."""
    before = stack.agent("postfix")
    banner = f"{POSTFIX}smtpd_banner = mail.home.example hello\n"
    stack.swap_override("postfix", {"main.cf": banner})
    stack.wait_for_banner("hello")
    stack.swap_override("postfix", {"main.cf": f"{banner}this is no setting\n"})
    refused = stack.wait_for_config("postfix", "refused")
    assert "main.cf" in refused["config"]["reason"]
    stack.wait_for_banner("hello")
    stack.swap_override("postfix", {"main.cf": POSTFIX})
    after = stack.wait_for_config("postfix", "accepted")
    assert (after["state"], after["pid"]) == ("healthy", before["pid"])
