"""What monitoring sees of the keys of domains."""

import re
import time

from tests.e2e.stack import Stack


def signing(stack: Stack, algorithm: str) -> float:
    """How many keys sign by an algorithm, as the file for Prometheus has it, or will have it."""
    file = stack.state / "run" / "dkim.prom"
    text = file.read_text() if file.exists() else ""
    found = re.search(
        rf'mailstack_dkim_keys{{algorithm="{algorithm}",state="signing"}} (\S+)', text
    )
    return float(found[1]) if found else 0


def test_keys_of_a_new_domain_are_counted(stack: Stack) -> None:
    """Soon after it is added, each of its keys is one more; the file is whole at every moment."""
    stack.cli("domain", "add", f"{stack.fresh('counted')}.example")
    stack.cli("domain", "add", f"{stack.fresh('counted')}.example")
    deadline = time.monotonic() + 60
    while min(signing(stack, "rsa"), signing(stack, "ed25519")) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
