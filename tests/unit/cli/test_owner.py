"""The warning about the owner's own address."""

from pathlib import Path

import pytest
from tests.unit.cli.conftest import Mailstack

from mailstack.cli.invocation import Invocation
from mailstack.cli.owner import missing_mailbox
from mailstack.client import Client, UnixTransport


@pytest.fixture
def client(couchmail: Path) -> Client:
    return Client(UnixTransport(Invocation(state=couchmail).api_socket))


def test_an_address_elsewhere_is_fine(client: Client) -> None:
    """Whether another server has the mailbox is not ours to ask."""
    assert missing_mailbox(client, "owner@example.net") == ""


@pytest.mark.parametrize(
    "command",
    [
        ["user", "add", "boss@example.org"],
        ["alias", "add", "boss@example.org", "x@example.net"],
        ["alias", "add", "@example.org", "x@example.net"],
    ],
)
def test_an_address_here_needs_a_place(
    client: Client, mailstack: Mailstack, command: list[str]
) -> None:
    """Until there is a mailbox, an alias or a catch-all, one line says what to type."""
    warning = missing_mailbox(client, "boss@example.org")
    assert warning.endswith("mailstack user add boss@example.org")
    assert "\n" not in warning
    assert mailstack(*command)[0] == 0
    assert missing_mailbox(client, "boss@example.org") == ""
    client.call("DELETE", "users" if command[0] == "user" else "aliases", command[2])


def test_who_cannot_tell_says_nothing(tmp_path: Path) -> None:
    """A warning that may be wrong is none."""
    nobody = Client(UnixTransport(tmp_path / "api.sock"))
    assert missing_mailbox(nobody, "boss@example.org") == ""
