"""What mail programs are told."""

import plistlib

import pytest

from mailstack.errors import ProtocolError
from mailstack.names import clients
from mailstack.names.facts import Facts
from mailstack.protocols.plain_xml import read_xml

FACTS = Facts("mail.example.org", "owner@example.org", 143, 993, 587, 465, "testing", 86_400)
DOMAIN = "example.org"
ANNA = "anna@example.org"


def test_thunderbird() -> None:
    """IMAP and submission with their ports; the ones with TLS from the start come first."""
    provider = read_xml(clients.thunderbird(DOMAIN, FACTS)).find("emailProvider")
    assert provider is not None
    incoming = provider.all("incomingServer")
    assert [s.text_of("port") for s in incoming] == ["993", "143"]
    assert [s.text_of("socketType") for s in provider.all("outgoingServer")] == ["SSL", "STARTTLS"]
    assert {s.text_of("username") for s in incoming} == {"%EMAILADDRESS%"}


def test_outlook() -> None:
    """Both protocols, for the address that was asked about; nothing in it can become markup."""
    told = read_xml(clients.outlook("a&b@example.org", FACTS)).find("Response", "Account")
    assert told is not None
    protocols = told.all("Protocol")
    assert [p.text_of("Type") for p in protocols] == ["IMAP", "SMTP"]
    assert [p.text_of("Port") for p in protocols] == ["993", "465"]
    assert {p.text_of("LoginName") for p in protocols} == {"a&b@example.org"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Autodiscover/>",
        b"<a><Request><EMailAddress/></Request></a>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a><Request><EMailAddress>&b;</EMailAddress></Request></a>",
        "<!DOCTYPE a><a/>".encode("utf-16"),
        b"<a>" * 30,
    ],
)
def test_what_is_no_request(body: bytes) -> None:
    """It is refused; entities are never expanded, whatever the encoding."""
    with pytest.raises(ProtocolError):
        clients.asked_by_outlook(body)


def test_apple() -> None:
    """The same account makes the same profile, without a password, and another one another."""
    profile = clients.apple(DOMAIN, ANNA, FACTS)
    assert profile == clients.apple(DOMAIN, ANNA, FACTS)
    found = plistlib.loads(profile)
    account = found["PayloadContent"][0]
    assert account["IncomingMailServerPortNumber"] == 993
    assert account["IncomingMailServerUsername"] == ANNA
    assert not any(name.endswith("Password") and name != "OutgoingPasswordSameAsIncomingPassword"
                   for name in account)  # fmt: skip
    other = plistlib.loads(clients.apple(DOMAIN, "bert@example.org", FACTS))
    assert other["PayloadUUID"] != found["PayloadUUID"]
    nobody = plistlib.loads(clients.apple(DOMAIN, "", FACTS))["PayloadContent"][0]
    assert "EmailAddress" not in nobody
