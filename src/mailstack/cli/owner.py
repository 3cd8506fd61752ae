"""A word of warning when the owner's own address would not get any mail.

It gets what is sent to postmaster@ and abuse@ of every domain. If it lies in a domain of the stack
and has no mailbox, that mail waits in the queue and comes back in the end.
"""

from mailstack.client import Client
from mailstack.errors import DocumentMissing, MailstackError
from mailstack.model.addresses import split_address

TIMEOUT_S = 5.0


def missing_mailbox(client: Client, email: str) -> str:
    """Say in one line that ``email`` leads nowhere; empty when it is fine, or cannot be told."""
    domain = split_address(email)[1]
    try:
        if not _is_there(client, "domains", domain):
            return ""
        places = (("users", email), ("aliases", email), ("aliases", f"@{domain}"))
        if any(_is_there(client, collection, name) for collection, name in places):
            return ""
    except MailstackError:
        return ""
    return f"nobody gets mail to postmaster@ yet: {advice(email)}"


def advice(email: str) -> str:
    """What to do about it."""
    return f"{email} has no mailbox; make it: mailstack user add {email}"


def _is_there(client: Client, collection: str, name: str) -> bool:
    try:
        client.call("GET", collection, name)
    except DocumentMissing:
        return False
    return True
