"""How a command reaches the datastore, and what it says where a program is not at hand."""

import io
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Mailstack

from mailstack.cli import datastore
from mailstack.cli.invocation import Invocation
from mailstack.client import TcpTransport, UnixTransport
from mailstack.errors import MailstackError
from mailstack.topology.addresses import cluster
from mailstack.topology.stack import STACK

SERVICES = ("backup", "managesieve", "spamkeeper")
"""Whose containers commands run in, besides couchmail's."""


@pytest.fixture
def in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSTACK_ENGINE", "pod")


def test_on_one_machine_the_socket_is_asked(tmp_path: Path) -> None:
    """Whether it is there or not: the error then says that the stack does not run."""
    found = datastore.client(Invocation(state=tmp_path), "managesieve")
    assert isinstance(found._transport, UnixTransport)


@pytest.mark.usefixtures("in_a_container")
def test_in_couchmails_container_the_socket_is_asked(tmp_path: Path) -> None:
    """It is there, and needs no token."""
    invocation = Invocation(state=tmp_path)
    invocation.api_socket.parent.mkdir(parents=True)
    invocation.api_socket.touch()
    assert isinstance(datastore.client(invocation, "managesieve")._transport, UnixTransport)


@pytest.mark.usefixtures("in_a_container")
@pytest.mark.parametrize("service", SERVICES)
def test_in_another_container_the_network_is_asked(tmp_path: Path, service: str) -> None:
    """By a link that its service has anyway, with the token that is mounted there."""
    (tmp_path / "secure").mkdir()
    (tmp_path / "secure" / "api.token").write_text("token\n")
    transport = datastore.client(Invocation(state=tmp_path), service)._transport
    assert isinstance(transport, TcpTransport)
    assert str(transport) == str(cluster(STACK, service)["couchmail.api"])


@pytest.mark.usefixtures("in_a_container")
def test_a_container_without_a_token_says_which_has_one(tmp_path: Path) -> None:
    """One line, with the container in which the command works."""
    with pytest.raises(MailstackError, match="in the container of couchmail, or of managesieve"):
        datastore.client(Invocation(state=tmp_path), "managesieve")


@pytest.mark.parametrize(
    ("arguments", "program", "service"),
    [
        (("sieve", "put", "anna@example.org", "main"), "sievec", "managesieve"),
        (("spam", "rules", "anna@example.org"), "spamassassin", "spamkeeper"),
    ],
)
def test_what_cannot_be_checked_here_is_not_stored(
    mailstack: Mailstack,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    program: str,
    service: str,
) -> None:
    """In a container without the checker one line says which one has it."""
    monkeypatch.setenv("MAILSTACK_ENGINE", "pod")
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"score MISSING_DATE 2\n")))
    status, out, err = mailstack(*arguments, "-")
    advice = f"run the command in the container of {service}, which has it"
    assert (status, out, err) == (1, "", f"mailstack: {program} is not installed; {advice}\n")
