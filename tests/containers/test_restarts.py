"""What is ended or killed comes back with what it had, and finds the others where they are then.

A container that starts again may have another address. The containers of one pod share a network,
which belongs to the first of them; so they end and begin together, unless only another one dies.
"""

import json
import os
import signal
from collections.abc import Callable
from contextlib import nullcontext

import pytest
from tests.containers.project import RUN, Project, members
from tests.containers.reading import reading
from tests.e2e.stack import SETTINGS, User
from tests.e2e.traffic import flowing, wait_until

from mailstack.demo import letter
from mailstack.demo.client import Attempt, hand_over
from mailstack.demo.records import OTHER

pytestmark = pytest.mark.timeout(900)

PODS = [one.name for one in RUN.services if RUN.pod_of(one.name) == one.name]
BESIDE = [one.name for one in RUN.services if one.name not in PODS]
_LIMIT_S = 120.0
_OUTAGE_S = 240.0
"""Longest that one message of a patient sender may have to come again."""


def test_each_pod_is_killed(stack: Project, measured: Callable[[str], None]) -> None:
    """One after the other, while mail flows: none is lost, none bounced; who reads reads on."""
    user = stack.user()
    assert stack.send(user.address, "before").code == 250
    assert stack.delivered(user, "before", timeout_s=_LIMIT_S)
    with flowing(stack, user, sessions=1, pause_s=0.2, patience_s=_OUTAGE_S) as traffic:
        for pod in PODS:
            traffic.wait_for(2)
            with nullcontext() if pod == "dovecot" else reading(stack):
                stack.end([pod], signal.SIGKILL)
                _is_told(stack, pod)
                stack.begin([pod])
                stack.wait_until_healthy()
        traffic.wait_for(2)
    duplicates = traffic.check()
    assert stack.delivered(user, "before")
    measured(
        f"kill -9 of {len(PODS)} pods: {len(traffic.accepted)} messages, none lost, none bounced, "
        f"{duplicates} twice"
    )


def _is_told(stack: Project, pod: str) -> None:
    """No container of the pod is ready, and Postfix is not while it cannot ask the datastore."""
    for service in members(pod):
        assert stack.agent(service) is None
        assert stack.podman.run("healthcheck", "run", stack.container(service)).returncode != 0
    if pod == "couchmail":
        wait_until(lambda: stack.agent("postfix")["state"] != "healthy", timeout_s=_LIMIT_S)
        health = stack.podman.run("healthcheck", "run", stack.container("postfix"))
        assert health.returncode != 0


def test_a_container_beside_another_is_killed(stack: Project) -> None:
    """Each by its process 1: the engine starts it again by itself, and the pod goes on."""
    user = stack.user()
    with (
        reading(stack),
        flowing(stack, user, sessions=1, pause_s=0.2, patience_s=_OUTAGE_S) as traffic,
    ):
        for service in BESIDE:
            traffic.wait_for(1)
            pid = stack.process_1(service)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: stack.process_1(service) not in {0, pid}, timeout_s=_LIMIT_S)  # noqa: B023
            stack.wait_until_healthy([service])
    traffic.check()


def test_all_end_in_order_and_have_what_they_had(stack: Project) -> None:
    """Mailbox, queue, who has been seen, what was sent and what was learnt stand on volumes."""
    reader, sender = stack.user(), stack.user()
    assert stack.send(reader.address, "kept").code == 250
    assert stack.delivered(reader, "kept", timeout_s=_LIMIT_S)
    waiting = _put_off(stack, sender)
    assert _come_as_a_stranger(stack, reader).code == 450
    assert [_submit(stack, sender, count).code for count in _ALLOWANCE] == [250, 250, 450]
    _keep_read(stack, reader)
    assert _taught(stack, reader) > 0
    stack.end(PODS, signal.SIGTERM)
    stack.begin(PODS)
    stack.wait_until_healthy()
    with stack.mailbox(reader) as mailbox:
        assert mailbox.subjects()[0] == "kept"
    assert waiting in {one["queue_id"] for one in stack.queue()}
    assert _come_as_a_stranger(stack, reader).code == 250
    assert _submit(stack, sender, 1).code == 450
    assert _taught(stack, reader) == 0


def _put_off(stack: Project, sender: User) -> str:
    """Leave a message in the queue, which its recipient's server puts off; return its number."""
    recipient = f"{stack.fresh('later')}@{OTHER}"
    stack.internet.refuse({recipient: "451 4.3.0 come again"})
    octets = letter.write(sender.address, recipient, "later")
    with stack.submission(sender) as session:
        assert hand_over(session, sender.address, [recipient], octets).code == 250
    wait_until(lambda: bool(_deferred(stack, recipient)), timeout_s=_LIMIT_S)
    return _deferred(stack, recipient)[0]


def _deferred(stack: Project, recipient: str) -> list[str]:
    """Return which messages to somebody are in the queue, and not on their way."""
    return [
        one["queue_id"]
        for one in stack.queue()
        if one["queue_name"] == "deferred" and recipient in str(one["recipients"])
    ]


def _come_as_a_stranger(stack: Project, user: User) -> Attempt:
    """Try to deliver as somebody whom greylisting does not know."""
    sender = "somebody@stranger31.example"
    octets = letter.write(sender, user.address, "patience")
    with stack.session(stack.internet.plan.stranger(31), "mail.stranger31.example") as session:
        return hand_over(session, sender, [user.address], octets)


_OF_ONE_MESSAGE = int(SETTINGS["smtp.max_recipients"])
_OF_A_DAY = int(SETTINGS["submission.max_recipients_per_day"])
_ALLOWANCE = (_OF_ONE_MESSAGE, _OF_A_DAY - _OF_ONE_MESSAGE - 1, 1)
"""Recipients of three messages, after one to a single one: the last is too much."""


def _submit(stack: Project, user: User, recipients: int) -> Attempt:
    readers = [f"{stack.fresh('reader')}@{OTHER}" for _ in range(recipients)]
    octets = letter.write(user.address, readers[0], "one of many")
    with stack.submission(user) as session:
        return hand_over(session, user.address, readers, octets)


def _keep_read(stack: Project, user: User) -> None:
    """Put messages into the Inbox that the user has read: all but a tenth of such are learnt."""
    with stack.mailbox(user) as mailbox:
        for number in range(10):
            octets = letter.write(user.address, user.address, f"read {number}")
            assert mailbox.imap.append("INBOX", "(\\Seen)", "", octets)[0] == "OK"


def _taught(stack: Project, user: User) -> int:
    """Train; return how much was new to the ledger."""
    command = ("mailstack", "train", user.address, "--json")
    (found,) = json.loads(stack.inside("trainer", *command))["users"]
    return int(found["learned_ham"]) + int(found["learned_spam"])
