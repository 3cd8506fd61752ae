"""What is kept of each judgement, for those who count.

Owners of domains ask for reports of what was done with mail in their name (RFC 7489 7.2).
One ``Record`` for each message that was taken or refused. What has to come again is not in it: it
will be judged then.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mailstack.identity.dmarc import Disposition, Override, Policy, Result, Signature


@dataclass(frozen=True, slots=True)
class Record:
    """One message. Strings came from the network; domains are in lower case."""

    address: str
    """Of the client, an IP address."""
    author: str
    """The domain of the From field; empty if there is none."""
    envelope: str
    """The domain of the envelope's sender; empty for a bounce."""
    policy: Policy | None
    """As published; None: there is none, or it could not be told."""
    result: Result
    disposition: Disposition
    """What was done: none, quarantine or reject."""
    override: Override
    """Why that is not what the policy asks for; empty if it is."""
    dkim: Sequence[Signature]
    dkim_aligned: bool
    """A signature that passed belongs to the author."""
    spf: str
    """RFC 7208's result."""
    spf_domain: str
    spf_scope: str
    """"mfrom" or "helo": what that domain was of."""
    spf_aligned: bool
    """SPF passed, and the domain belongs to the author."""


Tally: TypeAlias = Callable[[Record], None]
"""Takes each record, in the filter's event loop: it neither waits nor raises."""


def uncounted(record: Record) -> None:
    """Keep nothing."""
    del record
