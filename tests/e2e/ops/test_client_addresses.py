"""What a pod's agent learns of its clients, from the words of the real Postfix."""

from tests.e2e.stack import Stack
from tests.e2e.traffic import wait_until

from mailstack.agent.clients import Clients


def test_postfix_logs_each_connection_once(stack: Stack) -> None:
    """A server at port 25 and users at 587 and 465 are three connections."""
    sizes, probe = stack.log_sizes(), f"CONNECT from [{stack.internet.plan.stack}]"
    with stack.session() as session:
        session.ehlo()
    for port in ("submission", "submissions"):
        with stack.submission(port=port) as session:
            session.ehlo()

    def seen() -> int:
        clients = Clients("postfix", lambda _: None)
        for line in stack.log_since(sizes).get("postfix", "").splitlines():
            if probe not in line:  # which comes by loopback where nobody else does, in a pod
                clients.hear(line)
        return clients.seen

    wait_until(lambda: seen() == 3)
