"""Two stacks, each with its own domain: what one saw of the other's mail it tells it."""

import json
import time
from collections.abc import Iterator

import pytest
from tests.e2e.reports.test_dmarc_reports import send
from tests.e2e.stack import Stack, running
from tests.folder import state_folder

from mailstack.demo.records import FRIEND, mail_domain

NEIGHBOUR = "neighbour.example"


@pytest.fixture(scope="module")
def neighbour(shared_stack: Stack) -> Iterator[Stack]:
    """Another stack on the same wire, which finds the shared one where that listens."""
    port = shared_stack.throwaway.endpoint("postfix", "smtp").port
    internet = shared_stack.internet
    with (
        state_folder() as folder,
        running(
            folder,
            internet,
            address=internet.plan.neighbour,
            domain=NEIGHBOUR,
            postfix=f"smtp_tcp_port = {port}\n",
        ) as stack,
    ):
        yield stack


def wanting(stack: Stack) -> str:
    """A domain of the stack that wants reports, to a mailbox of its own, and may use a friend."""
    domain, plan = stack.domain(), stack.internet.plan
    stack.alias(f"dmarc@{domain}", stack.user().address)
    spf = f"v=spf1 mx ip4:{plan.friend} -all"
    dmarc = f"v=DMARC1; p=reject; rua=mailto:dmarc@{domain}"
    key, host = stack.internet.key.public, stack.throwaway.hostname
    stack.internet.publish(
        mail_domain(domain, plan.stack, key, hostname=host, spf=spf, dmarc=dmarc)
    )
    return domain


def test_a_report_goes_from_stack_to_stack(stack: Stack, neighbour: Stack) -> None:
    """Genuine and spoofed mail that one took and refused is in the other's table the same day."""
    domain, reader = wanting(stack), neighbour.user(domain=NEIGHBOUR)
    friend = stack.internet.plan.friend
    # that server may have had another name for a while
    stack.internet.publish(mail_domain(FRIEND, friend, stack.internet.key.public))
    assert send(neighbour, domain, reader.address, f"boss@{domain}") == 250
    assert send(neighbour, domain, reader.address, "") == 550
    told = f"report about {domain} to dmarc@{domain}: sent"
    assert told in neighbour.cli("reports", "send").splitlines()
    deadline = time.monotonic() + 90
    while not (shown := json.loads(stack.cli("reports", domain, "--json"))):
        assert time.monotonic() < deadline, neighbour.queue()
        neighbour.flush_queue()  # whom it does not know, the other greylists
        time.sleep(0.5)
    (found,) = shown
    assert (found["messages"], found["passed"], found["failed"]) == (2, 1, 1)
    (report,) = found["reports"]
    assert (report["reporter"], report["proven"]) == (NEIGHBOUR, True)
    assert {(one["address"], one["name"], one["disposition"]) for one in found["sources"]} == {
        (friend, f"mail.{FRIEND}", "none"),
        (friend, f"mail.{FRIEND}", "reject"),
    }
