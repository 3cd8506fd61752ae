"""The stack as one thing: taken down and up again with mail in it, and twice on one machine."""

from collections.abc import Callable

from tests.e2e.stack import Stack, User
from tests.e2e.traffic import flowing, wait_until

from mailstack.demo import letter

_BOUNCE = "Undelivered Mail Returned to Sender"
"""The subject of Postfix's bounces."""


def _submit(stack: Stack, user: User, recipient: str, subject: str) -> None:
    with stack.submission(user) as session:
        octets = letter.write(user.address, recipient, subject)
        session.sendmail(user.address, [recipient], octets)


def _subjects(stack: Stack, user: User) -> list[str]:
    with stack.mailbox(user) as mailbox:
        return mailbox.subjects()


def test_down_and_up_keeps_the_queue(second_stack: Stack, measured: Callable[[str], None]) -> None:
    """Mail on its way out and mail coming in live through it: none is lost, none bounces."""
    stack = second_stack
    writer, reader = stack.user(), stack.user()
    recipient = f"{stack.fresh('busy')}@other.example"
    stack.internet.refuse({recipient: "451 4.3.0 come again"})
    _submit(stack, writer, recipient, "waits")
    wait_until(lambda: any(message["queue_name"] == "deferred" for message in stack.queue()))
    with flowing(stack, reader, pause_s=0.3) as traffic:
        traffic.wait_for(10)
        stack.throwaway.down()
        stack.throwaway.up()
        assert any(message["sender"] == writer.address for message in stack.queue())
        traffic.wait_for(5)
    duplicates = traffic.check()
    stack.internet.refuse({recipient: ""})
    stack.flush_queue()
    assert len(stack.internet.received(recipient=recipient, timeout_s=60)) == 1
    wait_until(lambda: not stack.queue())
    assert _BOUNCE not in _subjects(stack, writer)
    measured(
        f"down and up: {len(traffic.accepted)} messages, none lost, none bounced, "
        f"{duplicates} twice"
    )


def test_two_stacks_side_by_side(stack: Stack, second_stack: Stack) -> None:
    """Each has its own users, mail and ports; one goes on while the other starts again."""
    first, second = stack, second_stack
    assert first.state != second.state
    assert first.throwaway.offset != second.throwaway.offset
    name = first.fresh("twin")
    of_first, of_second = first.user(name), second.user(name)
    assert of_first.address == of_second.address
    with flowing(first, of_first) as traffic:
        traffic.wait_for(3)
        second.throwaway.down()
        second.throwaway.up()
        assert second.send(of_second.address, "to the second").code == 250
        second.delivered(of_second, "to the second")
        traffic.wait_for(3)
    assert traffic.check() == 0
    assert not traffic.deferred
    assert _subjects(second, of_second) == ["to the second"]
    assert "to the second" not in _subjects(first, of_first)
