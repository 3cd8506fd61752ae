"""What ``mailstack dkim`` asks couchmail, and how it spells a record."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import Any, Final

from mailstack.client import Client
from mailstack.errors import DocumentMissing, InvalidDocument, MailstackError
from mailstack.model.domains import parse_domain

Fields = dict[str, Any]
WAIT_S: Final = 60.0
"""For keys: they take a second, on a machine with much else to do some more."""
_LOOK_S: Final = 0.1
_PAGE: Final = "500"
_STRING: Final = 255
"""Octets of one string of a TXT record (RFC 1035 3.3)."""
_TTL_S: Final = 3600


def keys_of(client: Client, name: str) -> Fields:
    """Read the keys of a domain.

    Raises:
        MailstackError: it is none of ours.
    """
    domain = _domain(name)
    try:
        return client.call("GET", "domains", domain, "dkim").fields
    except DocumentMissing as error:
        raise _foreign(domain) from error


def waited_for(client: Client, name: str, algorithms: Collection[str]) -> Fields:
    """Read the keys once there is one for each of ``algorithms``.

    Raises:
        MailstackError: they are not made in time.
    """
    return _wait(client, name, lambda found: set(algorithms) <= _algorithms(found))


def rotated(client: Client, name: str) -> Fields:
    """Have new keys made, and return all once they are.

    Raises:
        MailstackError: they are not made in time.
    """
    domain = _domain(name)
    try:
        client.call("POST", "domains", domain, "dkim", "rotate")
    except DocumentMissing as error:
        raise _foreign(domain) from error
    return _wait(client, domain, lambda found: not found["wanted"])


def anew(client: Client, name: str, algorithms: Collection[str]) -> Fields:
    """Have all keys forgotten and new ones made, and return these.

    Raises:
        MailstackError: they are not made in time.
    """
    keys_of(client, name)  # a domain of ours?
    with suppress(DocumentMissing):  # there were none
        client.call("DELETE", "domains", _domain(name), "dkim")
    return waited_for(client, name, algorithms)


def pages(client: Client) -> Iterator[Fields]:
    """Yield the keys of every domain that has some."""
    after = ""
    while True:
        found = client.call("GET", "dkim", query={"limit": _PAGE, "after": after}).fields
        yield from found["items"]
        if not found["next"]:
            return
        after = found["next"]


def zone_line(key: Fields) -> str:
    """Spell the record of a key as a zone file has it."""
    text = key["record"]
    parts = [text[start : start + _STRING] for start in range(0, len(text), _STRING)]
    strings = " ".join(f'"{part}"' for part in parts)
    return f"{key['name']}. {_TTL_S} IN TXT {strings}"


def _wait(client: Client, name: str, is_so: Callable[[Fields], bool]) -> Fields:
    deadline = time.monotonic() + WAIT_S
    while not is_so(found := keys_of(client, name)):
        if time.monotonic() > deadline:
            raise MailstackError(
                f"the keys of {found['domain']} were not made within {WAIT_S:g} s",
                advice="see 'mailstack status' and the log of opendkim",
            )
        time.sleep(_LOOK_S)
    return found


def _algorithms(found: Fields) -> set[str]:
    return {key["algorithm"] for key in found["items"]}


def _domain(name: str) -> str:
    try:
        return parse_domain(name)
    except ValueError as error:
        raise InvalidDocument(str(error)) from error


def _foreign(domain: str) -> MailstackError:
    return MailstackError(
        f"{domain} is no domain of this stack", advice=f"add it: mailstack domain add {domain}"
    )
