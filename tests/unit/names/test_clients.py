"""What mail programs are told."""

import plistlib
import uuid

import pytest

from mailstack.errors import ProtocolError
from mailstack.names import clients
from mailstack.names.facts import Facts
from mailstack.protocols.plain_xml import read_xml

FACTS = Facts("mail.example.org", "owner@example.org", 143, 993, 587, 465, "testing", 86_400)
DOMAIN = "example.org"
ANNA = "anna@example.org"
MOBILE = (
    b"<a><Request><EMailAddress>a@b.example</EMailAddress><AcceptableResponseSchema>"
    b"http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
    b"</AcceptableResponseSchema></Request></a>"
)
"""What a telephone asks that was told of an Exchange account."""


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
        MOBILE,
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
    for name in ("PayloadUUID", "PayloadIdentifier"):  # by the latter, one replaces another
        assert other[name] != found[name]
        assert other["PayloadContent"][0][name] != account[name]
    nobody = plistlib.loads(clients.apple(DOMAIN, "", FACTS))["PayloadContent"][0]
    assert "EmailAddress" not in nobody


def test_thunderbird_finds_what_its_reader_demands() -> None:
    """The elements of draft-bucksch-autoconfig, in words that it knows; no host is empty."""
    root = read_xml(clients.thunderbird(DOMAIN, FACTS))
    assert root.name == "clientConfig"
    provider = root.find("emailProvider")
    assert provider is not None
    kinds = [child.name for child in provider.children]
    assert kinds[:3] == ["domain", "displayName", "displayShortName"]
    for server in (*provider.all("incomingServer"), *provider.all("outgoingServer")):
        told = {child.name: child.text for child in server.children}
        assert told["hostname"] == FACTS.hostname
        assert 0 < int(told["port"]) < 65536
        assert told["socketType"] in {"SSL", "STARTTLS"}
        assert told["authentication"] == "password-cleartext"
        assert set(told) == {"hostname", "port", "socketType", "username", "authentication"}


def test_outlook_finds_what_its_reader_demands() -> None:
    """[MS-OXDSCLI] 2.2.4.1.1.2: settings of an account of e-mail, protocols with TLS and login."""
    account = read_xml(clients.outlook(ANNA, FACTS)).find("Response", "Account")
    assert account is not None
    assert [child.name for child in account.children] == [
        "AccountType", "Action", "Protocol", "Protocol",
    ]  # fmt: skip
    assert (account.text_of("AccountType"), account.text_of("Action")) == ("email", "settings")
    for protocol in account.all("Protocol"):
        told = {child.name: child.text for child in protocol.children}
        assert told["SSL"] == told["AuthRequired"] == "on"
        assert told["SPA"] == told["DomainRequired"] == "off"
    error = read_xml(clients.outlook_error()).find("Response", "Error")
    assert error is not None
    assert error.text_of("ErrorCode") == "600"


def test_apple_finds_what_its_reader_demands() -> None:
    """The keys that a configuration profile and its mail payload must have, with their types."""
    profile = plistlib.loads(clients.apple(DOMAIN, ANNA, FACTS))
    assert (profile["PayloadType"], profile["PayloadVersion"]) == ("Configuration", 1)
    (mail,) = profile["PayloadContent"]
    assert (mail["PayloadType"], mail["PayloadVersion"]) == ("com.apple.mail.managed", 1)
    assert mail["EmailAccountType"] == "EmailTypeIMAP"
    for payload in (profile, mail):
        assert str(uuid.UUID(payload["PayloadUUID"])).upper() == payload["PayloadUUID"]
        assert payload["PayloadIdentifier"].startswith("org.example.mail.")
    for side in ("Incoming", "Outgoing"):
        assert mail[f"{side}MailServerAuthentication"] == "EmailAuthPassword"
        assert isinstance(mail[f"{side}MailServerHostName"], str)
        assert isinstance(mail[f"{side}MailServerPortNumber"], int)
        assert mail[f"{side}MailServerUseSSL"] is True


def test_outlook_is_led_to_what_there_is() -> None:
    """Of the protocols of autodiscover.json there is one; others are told so as Exchange does."""
    served, told = clients.outlook_place("AutodiscoverV1", "autodiscover.example.org")
    assert served
    assert told["Url"] == "https://autodiscover.example.org/autodiscover/autodiscover.xml"
    served, told = clients.outlook_place("ActiveSync", "autodiscover.example.org")
    assert (served, told["ErrorCode"]) == (False, "InvalidProtocol")
